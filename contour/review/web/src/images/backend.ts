/** Chooses who draws the planes: the graphics card, or Cornerstone's CPU renderer where WebGL is done in software. */

export const BACKENDS = { cpu: "cpu", gpu: "gpu" } as const;
export type Backend = (typeof BACKENDS)[keyof typeof BACKENDS];

const SOFTWARE = /swiftshader|llvmpipe|software|basic render/i;
const SETTING = "contour.renderer";

/** What the user set in this browser, or what suits the machine. */
export function preferredBackend(): Backend {
  const set = localStorage.getItem(SETTING);
  if (set === BACKENDS.cpu || set === BACKENDS.gpu) return set;
  return drawsInSoftware() ? BACKENDS.cpu : BACKENDS.gpu;
}

/** Whether WebGL is missing or emulated. */
export function drawsInSoftware(): boolean {
  const renderer = webglRenderer();
  return renderer === null || SOFTWARE.test(renderer);
}

/** The renderer's name; null without WebGL 2. */
export function webglRenderer(): string | null {
  const gl = document.createElement("canvas").getContext("webgl2");
  if (gl === null) return null;
  const info = gl.getExtension("WEBGL_debug_renderer_info");
  const name = String(gl.getParameter(info === null ? gl.RENDERER : info.UNMASKED_RENDERER_WEBGL));
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return name;
}
