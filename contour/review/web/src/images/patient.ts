/** Whose scan it is, as its DICOM files say. It stays in the browser. */

import { metaData } from "@cornerstonejs/core";
import dicomImageLoader from "@cornerstonejs/dicom-image-loader";

export interface Patient {
  name: string;
  id: string;
}

const CHARACTER_SET = "x00080005";
/** Encodings by DICOM's defined terms, without "ISO_IR" and "ISO 2022 IR"; some browsers do not know all. */
const ENCODINGS: Record<string, string> = {
  "192": "utf-8",
  "100": "windows-1252",
  "101": "iso-8859-2",
  "109": "iso-8859-3",
  "110": "iso-8859-4",
  "144": "iso-8859-5",
  "127": "iso-8859-6",
  "126": "iso-8859-7",
  "138": "iso-8859-8",
  "148": "windows-1254",
  "166": "windows-874",
  "203": "iso-8859-15",
  "13": "shift_jis",
  "87": "iso-2022-jp",
  "159": "iso-2022-jp",
  "149": "euc-kr",
  "58": "gb18030",
  GB18030: "gb18030",
  GBK: "gbk",
};
/** Escapes to a Korean or Chinese half of the code table, which the decoders take for granted. */
const ESCAPES_TO_UPPER_HALF = /\x1b\$\)[AC]/g;

/** What a file that is loaded says of its patient. */
export function patientOf(url: string): Patient {
  const found = metaData.get("patientModule", `wadouri:${url}`) as { patientName?: string; patientID?: string } | undefined;
  const sets = dicomImageLoader.wadouri.dataSetCacheManager.get(url)?.string(CHARACTER_SET) ?? "";
  const decode = decoder(sets);
  return { name: personName(decode(found?.patientName ?? "")), id: decode(found?.patientID ?? "").trim() };
}

/** Text out of bytes that were read as one character each, for the character sets that a file names. */
function decoder(characterSets: string): (bytes: string) => string {
  const terms = characterSets.split("\\").map((term) => term.trim().replace(/^ISO(_| 2022 )IR /, ""));
  const encoding = terms.map((term) => ENCODINGS[term]).findLast((known) => known !== undefined) ?? "windows-1252";
  return (text) => {
    const bytes = Uint8Array.from(text.replace(ESCAPES_TO_UPPER_HALF, ""), (character) => character.charCodeAt(0));
    return new TextDecoder(encoding).decode(bytes);
  };
}

/** "Doe^Jane^^Dr" as "Doe, Jane, Dr"; of a name in several scripts the first that is given. */
function personName(value: string): string {
  const group = value.split("=").find((each) => each.trim() !== "") ?? "";
  return group.split("^").map((part) => part.trim()).filter((part) => part !== "").join(", ");
}
