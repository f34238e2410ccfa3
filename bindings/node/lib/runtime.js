'use strict';
// The runtime: plugins, devices, models, log and metrics.
const args = require('./arguments.js');
const { Dispatcher } = require('./dispatcher.js');
const { Handle, declare } = require('./handle.js');
const { Model } = require('./model.js');
const native = require('./native.js');
const { withOptions } = require('./options.js');
const { Queue } = require('./queue.js');
const { Tokenizer } = require('./tokenizer.js');

const PLUGIN_KINDS = [undefined, 'backend', 'format', 'tokenizer'];
const SEVERITIES = ['debug', 'info', 'warning', 'error'];

class Runtime extends Handle {
  #dispatcher;

  // Makes a runtime, and loads the plugins that it finds.
  static async create(options) {
    return new Runtime(await withOptions('runtime', options, (handle) => native.runtimeCreate(handle)));
  }

  async loadPlugin(path) {
    await native.runtimeLoadPlugin(this.handle, args.text(path, 'path'));
  }

  // The files that were looked at as plugins, loaded or refused.
  plugins() {
    return Array.from({ length: native.runtimePluginCount(this.handle) }, (_, i) => {
      const plugin = native.runtimePluginInfo(this.handle, i);
      return { ...plugin, kind: PLUGIN_KINDS[plugin.kind], loaded: plugin.loaded === 1 };
    });
  }

  // The devices, the best first.
  devices() {
    const length = native.runtimeDeviceCount(this.handle);
    return Array.from({ length }, (_, i) => native.runtimeDeviceInfo(this.handle, i));
  }

  // The oldest line of the log, or undefined.
  pollLog() {
    const line = native.runtimePollLog(this.handle);
    return line && { severity: SEVERITIES[line.severity], text: line.text };
  }

  // Counters, gauges and histograms in the Prometheus exposition format.
  metrics() {
    return native.runtimeMetrics(this.handle);
  }

  // How far a load, a conversion or a check is.
  progress() {
    const progress = native.runtimeProgress(this.handle);
    return { ...progress, active: progress.active === 1 };
  }

  async loadModel(path, options) {
    args.text(path, 'path');
    const load = (handle) => native.modelLoad(this.handle, path, handle);
    return new Model(await withOptions('model', options, load), this);
  }

  async convertModel(inPath, outPath, options) {
    args.text(inPath, 'inPath');
    args.text(outPath, 'outPath');
    await withOptions('convert', options, (handle) => native.modelConvert(this.handle, inPath, outPath, handle));
  }

  // Describes a model file without loading it.
  async describeModel(path, options) {
    args.text(path, 'path');
    return await withOptions('describe', options, (handle) => native.modelDescribe(this.handle, path, handle));
  }

  async loadTokenizer(path, options) {
    args.text(path, 'path');
    const load = (handle) => native.tokenizerLoad(this.handle, path, handle);
    return new Tokenizer(await withOptions('tokenizer', options, load), this);
  }

  createQueue(options) {
    return withOptions('queue', options, (handle) => new Queue(native.queueCreate(this.handle, handle), this));
  }

  // For the package's own use: who hands events to generations.
  get dispatcher() {
    this.#dispatcher ??= new Dispatcher(this.handle);
    return this.#dispatcher;
  }

  // Releases the runtime. Generations that run end with CANCELLED.
  close() {
    this.#dispatcher?.close();
    super.close();
  }
}
declare(Runtime, 'runtimeRelease');

module.exports = { Runtime };
