'use strict';
// Models: what is loaded, and the calls that take many items at once.
const args = require('./arguments.js');
const { invalidArgument } = require('./error.js');
const { Handle, declare, handleOf } = require('./handle.js');
const native = require('./native.js');
const { withOptions } = require('./options.js');
const { Prefix } = require('./prefix.js');
const { flatMessages, splitLogprobs } = require('./request.js');
const { Stream } = require('./stream.js');
const { Tokenizer } = require('./tokenizer.js');

const OUTPUTS = ['none', 'lastLogits', 'allLogits', 'lastHidden', 'allHidden'];
const POOLINGS = ['last', 'mean'];

function itemsOf(items) {
  if (!Array.isArray(items)) throw invalidArgument('items: expected an array');
  return items;
}

// A column of numbers, one of each item.
function column(items, numberOf) {
  return Float64Array.from(items, numberOf);
}

function streamOf(item) {
  return handleOf(item.stream, Stream, 'stream');
}

function priorityOf(item) {
  return args.number(item.priority ?? 0, 'priority');
}

// The results of a call for its items, which are also the `items` of its error.
async function withItems(call, split) {
  try {
    return split(await call);
  } catch (error) {
    if (error.items !== undefined) error.items = split(error.items);
    throw error;
  }
}

class Model extends Handle {
  #info;

  get runtime() {
    return this.parent;
  }

  get info() {
    if (this.#info === undefined || this.closed) this.#info = Object.freeze(native.modelGetInfo(this.handle));
    return this.#info;
  }

  tokenizer() {
    return new Tokenizer(native.modelTokenizer(this.handle), this.parent);
  }

  createStream(options) {
    return withOptions('stream', options, (handle) => new Stream(native.streamCreate(this.handle, handle), this));
  }

  async loadPrefix(path) {
    return new Prefix(await native.prefixLoad(this.handle, args.text(path, 'path')), this);
  }

  // The text that a conversation becomes, with the template of the model or of `options`.
  chatPrompt(messages, options) {
    const flat = flatMessages(messages);
    return withOptions('chat', options, (handle) => native.modelChatPrompt(this.handle, flat, handle));
  }

  // The policy of a tenant; null: the defaults again.
  setTenant(name, options) {
    args.text(name, 'name');
    withOptions('tenant', options, (handle) => native.modelSetTenant(this.handle, name, handle));
  }

  // The load of the model, or of a tenant.
  load(tenant) {
    return native.modelGetLoad(this.handle, tenant === undefined ? undefined : args.text(tenant, 'tenant'));
  }

  // Feeds tokens to streams in one batch: items { stream, tokens, output }. Gives { status, output } for each.
  async eval(items) {
    const parts = itemsOf(items).map((item) => args.tokens(item.tokens));
    const kinds = column(items, (item) => args.choice(item.output ?? 'lastLogits', OUTPUTS, 'output'));
    const sizes = kinds.map((kind, i) => {
      if (kind === 0) return 0;
      const rows = kind === 2 || kind === 4 ? parts[i].length : 1;
      return rows * (kind < 3 ? this.info.vocabSize : this.info.dModel);
    });
    const call = native.eval(
      this.handle, column(items, streamOf), column(parts, (part) => part.length), args.joined(parts), kinds, sizes);
    return await withItems(call, ({ status, floats }) => {
      let offset = 0;
      return items.map((_, i) => {
        const output = sizes[i] === 0 ? undefined : floats.subarray(offset, offset + sizes[i]);
        offset += sizes[i];
        return { status: status[i], output };
      });
    });
  }

  // The log-probabilities of tokens behind streams, which do not move: items { stream, tokens, numTop, priority }.
  async score(items) {
    const parts = itemsOf(items).map((item) => args.tokens(item.tokens));
    const numTop = column(items, (item) => args.count(item.numTop ?? 0, 'numTop', 0xffffffff));
    const call = native.score(
      this.handle, column(items, streamOf), column(parts, (part) => part.length), args.joined(parts), numTop,
      column(items, priorityOf));
    return await withItems(call, (result) => {
      const top = splitLogprobs(result.top);
      let token = 0;
      let place = 0;
      return parts.map((part, i) => {
        const places = part.length * numTop[i];
        const item = {
          status: result.status[i],
          numScored: result.numScored[i],
          logprob: result.logprob[i],
          logprobs: result.floats.subarray(token, token + part.length),
          topTokens: top.tokens.subarray(place, place + places),
          topLogprobs: top.logprobs.subarray(place, place + places),
        };
        token += part.length;
        place += places;
        return item;
      });
    });
  }

  // Embeddings of texts or tokens: items { text | tokens, stream, pooling, normalise, priority, tenant }.
  async embed(items) {
    const texts = itemsOf(items).map((item) => (item.text === undefined ? undefined : Buffer.from(item.text)));
    const parts = items.map((item, i) => (texts[i] === undefined ? args.tokens(item.tokens) : new Uint32Array(0)));
    const streams = column(items, (item) => (item.stream == null ? 0 : streamOf(item)));
    const counts = column(items, (_, i) => texts[i]?.length ?? parts[i].length);
    const numbers = items.flatMap((item, i) => [
      texts[i] === undefined ? 0 : 1,
      args.choice(item.pooling ?? 'last', POOLINGS, 'pooling'),
      item.normalise ? 1 : 0,
      priorityOf(item),
    ]);
    const tenants = items.map((item) => `${args.text(item.tenant ?? '', 'tenant')}\0`).join('');
    const { dModel } = this.info;
    const call = native.embed(
      this.handle, streams, counts, args.joined(parts), Buffer.concat(texts.filter(Boolean)),
      Float64Array.from(numbers), Buffer.from(tenants), dModel);
    return await withItems(call, ({ status, numRead, floats }) =>
      items.map((_, i) => ({
        status: status[i],
        numRead: numRead[i],
        embedding: floats.subarray(i * dModel, (i + 1) * dModel),
      })));
  }
}
declare(Model, 'modelRelease');

module.exports = { Model };
