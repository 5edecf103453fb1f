// Measures files. Serve it with: whipper exec examples/measure.mjs
//
// Every exported function of this module is a method of the pool; nothing needs to be installed or imported for that.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';

const compress = promisify(gzip);

/** Returns the digest, lines, words and compressibility of the file at path. */
export async function measure(path) {
  const content = await readFile(path);
  const packed = await compress(content, { level: constants.Z_BEST_COMPRESSION });
  return {
    path,
    bytes: content.length,
    lines: count(content, 0x0a),
    words: words(content),
    sha256: createHash('sha256').update(content).digest('hex'),
    gzipRatio: Number((packed.length / Math.max(content.length, 1)).toFixed(3)),
  };
}

function count(content, byte) {
  let n = 0;
  for (let at = content.indexOf(byte); at !== -1; at = content.indexOf(byte, at + 1)) n++;
  return n;
}

/** Counts runs of bytes that are not ASCII white space, as Python's bytes.split() does. */
function words(content) {
  let n = 0;
  let inside = false;
  for (const byte of content) {
    const space = byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
    if (!space && !inside) n++;
    inside = !space;
  }
  return n;
}
