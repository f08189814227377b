/** Bundles the review page into ../static: run `npm ci && npm run build`. */

import { build } from "esbuild";
import { copyFile, mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cornerstonePlugin } from "./bundling/cornerstone_plugin.mjs";
import { licenceText } from "./bundling/licences.mjs";

const here = dirname(fileURLToPath(import.meta.url));
/** A server may be running: files are made beside it, and then put in place one by one. */
const place = process.argv[2] ?? join(here, "..", "static");
await mkdir(place, { recursive: true });
const out = await mkdtemp(join(dirname(place), ".static-"));
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

const page = await build({ ...shared, entryPoints: { app: "src/main.tsx" }, outdir: out, jsx: "automatic", jsxImportSource: "preact" });
const worker = await build({ ...shared, entryPoints: { decode_worker: "node_modules/@cornerstonejs/dicom-image-loader/dist/esm/decodeImageFrameWorker.js" }, outdir: out });
await build({ ...shared, entryPoints: { app: "src/app.css" }, outdir: out });
await copyFile(join(here, "src", "index.html"), join(out, "index.html"));
for (const [file, codec] of Object.entries(codecs)) {
  await copyFile(join(here, "node_modules", "@cornerstonejs", codec, "dist", file), join(out, file));
}
const inputs = [...Object.keys(page.metafile.inputs), ...Object.keys(worker.metafile.inputs)];
await writeFile(join(out, "THIRD_PARTY_LICENSES.txt"), await licenceText(here, inputs));
const made = (await readdir(out)).sort();
for (const file of made) await rename(join(out, file), join(place, file));
for (const file of await readdir(place)) if (!made.includes(file)) await rm(join(place, file), { recursive: true });
await rm(out, { recursive: true });
console.log(made.join("\n"));
