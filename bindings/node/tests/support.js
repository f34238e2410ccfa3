'use strict';
// The common part of the tests: the model, programs of their own, and numbers of the process.
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const model = process.env.SKEIN_MODEL;
if (model === undefined) throw new Error('SKEIN_MODEL: not set; expected the path of a model');

// Loads the model for a test, on few threads, and closes what was made when the test ends.
async function load(t, options) {
  const { Runtime } = require('skein');
  const runtime = await Runtime.create({ threads: 2 });
  t.after(() => runtime.close());
  const loaded = await runtime.loadModel(model, { device: 'cpu', calibrate: 0, ...options });
  t.after(() => loaded.close());
  return { runtime, model: loaded };
}

// Runs a program of JavaScript in a process of its own: { code, signal, stdout, stderr }.
function run(program, ...flags) {
  const child = spawn(process.execPath, [...flags, '-e', program], { cwd: __dirname, timeout: 60000 });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (data) => (output.stdout += data));
  child.stderr.on('data', (data) => (output.stderr += data));
  return new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal, ...output })));
}

// The handles of this environment that nobody released.
function numOwned() {
  return require(path.join(path.dirname(require.resolve('skein')), 'native.js')).numOwned();
}

const numDescriptors = () => fs.readdirSync('/proc/self/fd').length;
const numThreads = () => fs.readdirSync('/proc/self/task').length;
const temporaryFolder = () => fs.mkdtempSync(path.join(os.tmpdir(), 'skein-node-'));

// Waits for a condition that other threads bring about; the time only bounds a test that fails.
async function until(condition, what) {
  for (const end = Date.now() + 20000; !condition(); ) {
    if (Date.now() > end) throw new Error(`${what} did not come about`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

module.exports = { load, model, numDescriptors, numOwned, numThreads, run, temporaryFolder, until };
