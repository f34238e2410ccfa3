'use strict';
// The addon, which is in the package's folder `native`. Everything else here goes through it.
const path = require('node:path');

const file = path.join(__dirname, '..', 'native', 'skein.node');

function load() {
  try {
    return require(file);
  } catch (error) {
    // The loader's message names the file that it lacks: the addon, or a library that the addon needs.
    const message =
      `skein: the addon could not be loaded\n  ${file}: ${error.message}\n` +
      '  libskein.so.1 is looked for beside the addon, in the prefix that it was built with ' +
      '(SKEIN_DIR or pkg-config), and where the loader looks';
    throw new Error(message, { cause: error });
  }
}

module.exports = load();
