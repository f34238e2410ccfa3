// Suggestions while you type: live-typing.mjs MODEL. The model goes on where the line stands, in grey; each key cancels
// what it was writing. Tab takes a suggestion, Enter begins a new line, Ctrl-C ends. Without a terminal the keys come
// from the standard input, and the text is printed at the end.
import process from 'node:process';
import { Runtime } from 'skein';

const GREY = '\x1b[90m';
const PLAIN = '\x1b[0m';

// Holds the text twice: as a string, and as a stream that has read it up to the last word. So a key costs the model one
// word and not the text.
class Suggester {
  #stream;
  #tokenizer;
  #read = [{ length: 0, position: 0 }]; // the words that the stream has read: where each ends in both

  constructor(model) {
    this.#stream = model.createStream();
    this.#tokenizer = model.tokenizer();
  }

  // Brings the stream to the last word of the text: back over what was deleted, on over what is new.
  async #follow(text) {
    const boundary = Math.max(text.search(/\s\S*$/), 0);
    let read = this.#read.at(-1);
    if (read.length > boundary) {
      while (read.length > boundary) {
        this.#read.pop();
        read = this.#read.at(-1);
      }
      await this.#stream.truncate(read.position);
    }
    if (boundary > read.length) {
      await this.#stream.eval(this.#tokenizer.encode(text.slice(read.length, boundary)), 'none');
      this.#read.push({ length: boundary, position: this.#stream.position });
    }
    return text.slice(boundary);
  }

  // Calls `show` with what could follow the text, as it grows. The signal ends that.
  async suggest(text, show, signal) {
    const word = await this.#follow(text);
    if (word === '' || signal.aborted) return;
    const fork = this.#stream.fork(); // costs no copy of the state
    try {
      let suggestion = '';
      for await (const piece of fork.generate(word, { maxTokens: 24, temperature: 0, stop: '\n', signal })) {
        show((suggestion += piece.text));
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      fork.close();
    }
  }
}

class Line {
  #suggester;
  #lines = [];
  #text = '';
  #suggestion = '';
  #controller = new AbortController();
  #running = Promise.resolve();
  numCut = 0;

  constructor(suggester) {
    this.#suggester = suggester;
  }

  get text() {
    return [...this.#lines, this.#text].join('\n');
  }

  // When the suggestion for the last key is there.
  get settled() {
    return this.#running;
  }

  press(key) {
    if (key === '\t') this.#text += this.#suggestion;
    else if (key === '\x7f') this.#text = [...this.#text].slice(0, -1).join('');
    else if (key === '\r' || key === '\n') this.#begin();
    else if (key >= ' ') this.#text += key;
    this.#suggestion = '';
    this.#show();
    this.#ask();
  }

  #begin() {
    this.#lines.push(this.#text);
    this.#text = '';
    if (process.stdout.isTTY) console.log();
  }

  // The request of the key before is cancelled; when it has ended, the next one begins.
  #ask() {
    this.#controller.abort();
    const { signal } = (this.#controller = new AbortController());
    const show = (suggestion) => {
      if (signal.aborted) return;
      this.#suggestion = suggestion;
      this.#show();
    };
    this.#running = this.#running.then(async () => {
      if (!signal.aborted) await this.#suggester.suggest(this.text, show, signal);
      if (signal.aborted) ++this.numCut;
    });
  }

  #show() {
    if (!process.stdout.isTTY) return;
    const back = this.#suggestion === '' ? '' : `\x1b[${this.#suggestion.length}D`;
    process.stdout.write(`\r\x1b[K${this.#text}${GREY}${this.#suggestion}${PLAIN}${back}`);
  }
}

async function main(path) {
  if (path === undefined) throw new Error('usage: live-typing.mjs MODEL');
  const runtime = await Runtime.create();
  const line = new Line(new Suggester(await runtime.loadModel(path)));
  if (process.stdin.isTTY) process.stdin.setRawMode(true);
  process.stdin.setEncoding('utf8');
  keys: for await (const keys of process.stdin) {
    if (keys.startsWith('\x1b')) continue; // an arrow, or another key that is no letter
    for (const key of keys) {
      if (key === '\x03') break keys;
      // Nobody waits for a suggestion in a script but Tab.
      if (key === '\t') await line.settled;
      line.press(key);
    }
  }
  if (process.stdin.isTTY) process.stdin.setRawMode(false);
  await line.settled;
  console.log(`${process.stdout.isTTY ? PLAIN : line.text}\n${line.numCut} suggestions were cut short`);
  runtime.close();
}

main(process.argv[2]).catch((error) => {
  console.error(`live-typing: ${error.message}`);
  process.exitCode = 1;
});
