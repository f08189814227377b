/** Fits Cornerstone to one folder of static files: its worker and codecs by fixed names, unused decoders left out. */

import { readFile } from "node:fs/promises";

/** Decoders of transfer syntaxes that contour refuses at intake. */
const UNUSED = /decoders\/(decodeJPEGBaseline8Bit|decodeJPEGBaseline12Bit-js|decodeHTJ2K|decodeJPEGXL)\.js$/;
/** Node's modules that packages ask for only under Node, and a writer of XML that the page never calls. */
const NODE_ONLY = /^(fs|path|crypto|url|module|worker_threads|perf_hooks|xmlbuilder2)$|^node:/;
/** What only the worker decodes with, and vtk's unused WebGPU. */
const NOT_ON_THE_PAGE = /^\.\/(decodeImageFrameWorker|shared\/decoders\/index)\.js$|^\.\.\/WebGPU\//;
const PAGE_IMPORTERS = /dicom-image-loader[\\/]dist[\\/]esm[\\/]index\.js$|Rendering[\\/]Profiles[\\/]\w+\.js$/;
const REFUSAL = `
export const initialize = () => Promise.reject(new Error("this transfer syntax is not supported"));
export default initialize;
`;

/** `new URL(package, import.meta.url)` as the plain name of the file beside the bundle. */
const RENAMED = [
  [/new URL\('\.\/decodeImageFrameWorker\.js', import\.meta\.url\)/g, 'new URL("/static/decode_worker.js", location.href)'],
  [/new URL\('@cornerstonejs\/codec-openjpeg\/decodewasm', import\.meta\.url\)/g, 'new URL("/static/openjpegwasm_decode.wasm", location.href)'],
  [/new URL\('@cornerstonejs\/codec-charls\/decodewasm', import\.meta\.url\)/g, 'new URL("/static/charlswasm_decode.wasm", location.href)'],
];

/**
 * Cornerstone's CPU renderer gives its canvas one pixel for each CSS pixel when it is resized, but converts as if it had
 * the screen's: on a screen with others, or in a zoomed browser, everything would be drawn beside its place.
 */
const CPU_CONVERSION = /cpuFallback[\\/]rendering[\\/]cssPixelConversion\.js$/;
const ONE_TO_ONE = `
export const deviceToCssPixels = (point) => [point[0], point[1]];
export const cssToDevicePixels = (point) => [point[0], point[1]];
`;

export const cornerstonePlugin = {
  name: "cornerstone",
  setup(build) {
    build.onResolve({ filter: NODE_ONLY }, ({ path }) => ({ path, namespace: "left-out" }));
    build.onResolve({ filter: NOT_ON_THE_PAGE }, ({ path, importer }) =>
      PAGE_IMPORTERS.test(importer) ? { path, namespace: "left-out" } : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: "left-out" }, () => ({ contents: "module.exports = {};" }));
    build.onLoad({ filter: CPU_CONVERSION }, () => ({ contents: ONE_TO_ONE }));
    build.onLoad({ filter: UNUSED }, () => ({ contents: REFUSAL }));
    build.onLoad({ filter: /dicom-image-loader[\\/].*\.js$/ }, async ({ path }) => {
      let contents = await readFile(path, "utf8");
      for (const [found, named] of RENAMED) contents = contents.replace(found, named);
      return { contents, loader: "js" };
    });
  },
};
