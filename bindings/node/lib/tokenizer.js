'use strict';
// Tokenizers: text to token ids and back.
const args = require('./arguments.js');
const { Handle, declare } = require('./handle.js');
const native = require('./native.js');

class Tokenizer extends Handle {
  get info() {
    return native.tokenizerGetInfo(this.handle);
  }

  // The token ids of a text, as an Uint32Array.
  encode(text) {
    return native.tokenizerEncode(this.handle, args.bytes(text, 'text'));
  }

  // The text of token ids. What is no UTF-8 becomes U+FFFD; decodeBytes gives it as it is.
  decode(tokens) {
    const bytes = this.decodeBytes(tokens);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
  }

  decodeBytes(tokens) {
    return native.tokenizerDecode(this.handle, args.tokens(tokens));
  }
}
declare(Tokenizer, 'tokenizerRelease');

module.exports = { Tokenizer };
