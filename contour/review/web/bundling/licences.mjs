/** Lists everything that went into the bundle with its licence. */

import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";

const FORBIDDEN = /\bA?L?GPL/i;

/** Libraries inside the WebAssembly codecs, and where their licences lie. */
const INSIDE_CODECS = [
  { name: "OpenJPEG, in openjpegwasm_decode.wasm", licence: "BSD-2-Clause", file: "openjpeg.txt" },
  { name: "CharLS, in charlswasm_decode.wasm", licence: "BSD-3-Clause", file: "charls.txt" },
];

/** The list as text; throws where a package has a GPL-like licence or none. */
export async function licenceText(root, inputs) {
  const texts = join(root, "bundling", "licences");
  const entries = [];
  for (const folder of packageFolders(inputs)) {
    const facts = JSON.parse(await readFile(join(root, folder, "package.json"), "utf8"));
    const licence = facts.license ?? facts.licenses?.map((each) => each.type ?? each).join(" OR ");
    if (!licence || FORBIDDEN.test(licence)) {
      throw new Error(`${facts.name}: found licence ${licence}, expected a permissive one`);
    }
    const text = (await ownText(join(root, folder))) ?? (await standardText(texts, licence, facts));
    entries.push(`${facts.name} ${facts.version}\nLicence: ${licence}\n\n${text.trim()}`);
  }
  for (const { name, licence, file } of INSIDE_CODECS) {
    entries.push(`${name}\nLicence: ${licence}\n\n${(await readFile(join(texts, file), "utf8")).trim()}`);
  }
  const rule = `\n\n${"-".repeat(78)}\n\n`;
  return `The review page contains these packages, each under its own licence.${rule}${entries.join(rule)}\n`;
}

/** Folders of the packages that the bundled files came from, in order. */
function packageFolders(inputs) {
  const folders = new Set();
  for (const input of inputs) {
    const found = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input.replace(/^.*?(?=node_modules\/)/, ""));
    if (found !== null) folders.add(found[0]);
  }
  return [...folders].sort();
}

async function ownText(folder) {
  const file = (await readdir(folder)).sort().find((name) => /^(licen[cs]e|copying)/i.test(name));
  return file === undefined ? null : (await readFile(join(folder, file), "utf8")).replaceAll("\r\n", "\n");
}

/** The licence's usual text for a package that names it without enclosing it. */
async function standardText(texts, licence, facts) {
  if (licence !== "MIT") throw new Error(`${facts.name}: found no text of its licence ${licence}, expected one`);
  const author = facts.author?.name ?? facts.author;
  return `Copyright (c) ${author || `the authors of ${facts.name}`}\n\n${await readFile(join(texts, "mit.txt"), "utf8")}`;
}
