/** Bundles the review page into ../static: run `npm ci && npm run build`. */

import { build } from "esbuild";
import { copyFile, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cornerstonePlugin } from "./bundling/cornerstone_plugin.mjs";
import { licenceText } from "./bundling/licences.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "..", "static");
const codecs = {
  "openjpegwasm_decode.wasm": "codec-openjpeg",
  "charlswasm_decode.wasm": "codec-charls",
};

const shared = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  sourcemap: false,
  legalComments: "none",
  format: "esm",
  target: "es2022",
  metafile: true,
  define: { "process.env.NODE_ENV": '"production"', global: "globalThis" },
  plugins: [cornerstonePlugin],
  logLevel: "warning",
};

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
const page = await build({ ...shared, entryPoints: { app: "src/main.tsx" }, outdir: out, jsx: "automatic", jsxImportSource: "preact" });
const worker = await build({ ...shared, entryPoints: { decode_worker: "node_modules/@cornerstonejs/dicom-image-loader/dist/esm/decodeImageFrameWorker.js" }, outdir: out });
await build({ ...shared, entryPoints: { app: "src/app.css" }, outdir: out });
await copyFile(join(here, "src", "index.html"), join(out, "index.html"));
for (const [file, codec] of Object.entries(codecs)) {
  await copyFile(join(here, "node_modules", "@cornerstonejs", codec, "dist", file), join(out, file));
}
const inputs = [...Object.keys(page.metafile.inputs), ...Object.keys(worker.metafile.inputs)];
await writeFile(join(out, "THIRD_PARTY_LICENSES.txt"), await licenceText(here, inputs));
console.log((await readdir(out)).sort().join("\n"));
