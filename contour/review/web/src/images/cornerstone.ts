/** Starts Cornerstone3D: its image loader, its decoding workers and the tools for window, pan and rotation. */

import { cache, imageLoader, init as initCore, setUseCPURendering, type Types } from "@cornerstonejs/core";
import dicomImageLoader from "@cornerstonejs/dicom-image-loader";
import { addTool, init as initTools, PanTool, TrackballRotateTool, WindowLevelTool } from "@cornerstonejs/tools";
import { setCanvasCreator } from "../../node_modules/@cornerstonejs/core/dist/esm/RenderingEngine/helpers/getOrCreateCanvas.js";
import { BACKENDS, preferredBackend, type Backend } from "./backend";
import { provideImageFacts } from "./image_facts";
import { patientOf, type Patient } from "./patient";

const DECODERS = 2;
const CACHE_BYTES = 256 * 2 ** 20;

let backend: Backend = BACKENDS.gpu;
let starting: Promise<Backend> | null = null;
/** Pictures made here that a viewport is about to ask for by their id. */
const handedOver = new Map<string, Types.IImage>();

/** Starts everything once; the answer says which renderer draws the planes. */
export function startCornerstone(): Promise<Backend> {
  starting ??= start();
  return starting;
}

async function start(): Promise<Backend> {
  backend = preferredBackend();
  await initCore({ rendering: { webGlContextCount: 1 } } as Parameters<typeof initCore>[0]);
  dicomImageLoader.init({
    maxWebWorkers: Math.min(DECODERS, Math.max(1, navigator.hardwareConcurrency - 1)),
    // Reads deflated files, too, and lets go of a file once it is decoded; its successor in 5.14 does neither.
    useLegacyMetadataProvider: true,
  });
  await initTools();
  for (const tool of [WindowLevelTool, PanTool, TrackballRotateTool]) addTool(tool);
  cache.setMaxCacheSize(CACHE_BYTES);
  provideImageFacts();
  imageLoader.registerImageLoader("contour", (imageId: string) => ({ promise: takeOver(imageId) }));
  setUseCPURendering(backend === BACKENDS.cpu, false);
  if (backend === BACKENDS.cpu) setCanvasCreator(softwareCanvas);
  return backend;
}

/** A canvas that the browser draws without the graphics card, which is slower still where that is emulated. */
function softwareCanvas(): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.getContext("2d", { willReadFrequently: true });
  return canvas;
}

/** Makes something that needs WebGL even where the planes are drawn by the CPU. */
export function withWebGl<T>(make: () => T): T {
  setUseCPURendering(false, false);
  try {
    return make();
  } finally {
    setUseCPURendering(backend === BACKENDS.cpu, false);
  }
}

/** Forgets all pictures: the next review starts with none. */
export function forgetPictures(): void {
  handedOver.clear();
  cache.purgeCache();
}

/** Lets a viewport load this picture by its id, once. */
export function handOver(image: Types.IImage): string {
  handedOver.set(image.imageId, image);
  return image.imageId;
}

async function takeOver(imageId: string): Promise<Types.IImage> {
  const image = handedOver.get(imageId);
  if (image === undefined) throw new Error(`no picture ${imageId}`);
  handedOver.delete(imageId);
  return image;
}

export interface Decoded {
  hu: ArrayLike<number>;
  least: number;
  most: number;
  patient: Patient;
}

/** Fetches and decodes one slice in Hounsfield units, and keeps no copy of it. */
export async function decodeSlice(url: string): Promise<Decoded> {
  const options = { preScale: { enabled: true } };
  const image = await imageLoader.loadImage(`wadouri:${url}`, options as unknown as Parameters<typeof imageLoader.loadImage>[1]);
  const patient = patientOf(url);
  dicomImageLoader.wadouri.dataSetCacheManager.unload(url);
  const hu = image.getPixelData() as ArrayLike<number>;
  return { hu, least: image.minPixelValue, most: image.maxPixelValue, patient };
}
