package dev.skein;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;

/** Plugins, devices, worker threads, log and metrics. It ends with the last object made from it. */
public final class Runtime extends Handle {
  private final AtomicReference<Dispatcher> dispatcher; // made for the first generation

  private Runtime(long number, AtomicReference<Dispatcher> dispatcher) {
    super(number, n -> release(n, dispatcher));
    this.dispatcher = dispatcher;
  }

  private static void release(long number, AtomicReference<Dispatcher> dispatcher) {
    Dispatcher last = dispatcher.getAndSet(null);
    if (last != null) last.close();
    Native.runtimeRelease(number);
  }

  /**
   * Makes a runtime and loads the plugins that it finds.
   *
   * @return the runtime, to be closed
   */
  public static Runtime create() {
    return create(null);
  }

  /**
   * As {@link #create()}, with options.
   *
   * @param options null: none
   * @return the runtime, to be closed
   */
  public static Runtime create(Map<String, ?> options) {
    return Options.with(
        Options.Kind.RUNTIME, options, o -> new Runtime(Native.runtimeCreate(o), new AtomicReference<>()));
  }

  /** {@return the version of the library, as "MAJOR.MINOR.PATCH"} */
  public static String libraryVersion() {
    return Text.of(Native.version());
  }

  /** Hands out the events of all generations of this runtime. */
  synchronized Dispatcher dispatcher() {
    if (dispatcher.get() == null) dispatcher.set(new Dispatcher(newQueue()));
    return dispatcher.get();
  }

  /** Generations that run end with CANCELLED. */
  @Override
  public synchronized void close() {
    super.close();
  }

  /**
   * Loads one plugin.
   *
   * @param path a file of any name
   */
  public void loadPlugin(String path) {
    run(r -> Native.runtimeLoadPlugin(r, Text.terminated("path", path)));
  }

  /**
   * Loads a model, and waits.
   *
   * @param path a package, a checkpoint, a folder with one, or "synthetic:SHAPE"
   * @param options null: none
   * @return the model, to be closed
   */
  public Model loadModel(String path, Map<String, ?> options) {
    byte[] p = Text.terminated("path", path);
    return call(r -> Options.with(Options.Kind.MODEL, options, o -> new Model(this, Native.modelLoad(r, p, o))));
  }

  /**
   * As {@link #loadModel(String, Map)}, without options.
   *
   * @param path a package, a checkpoint, or a folder with one
   * @return the model, to be closed
   */
  public Model loadModel(Path path) {
    return loadModel(path.toString(), null);
  }

  /**
   * As {@link #loadModel(String, Map)}, without options.
   *
   * @param path a package, a checkpoint, a folder with one, or "synthetic:SHAPE"
   * @return the model, to be closed
   */
  public Model loadModel(String path) {
    return loadModel(path, null);
  }

  /**
   * Converts a model file, and waits. The result appears whole or not at all.
   *
   * @param in what {@link #loadModel(String, Map)} reads
   * @param out a package, or a checkpoint if its name ends in .safetensors
   * @param options null: none
   */
  public void convertModel(String in, String out, Map<String, ?> options) {
    byte[] from = Text.terminated("input path", in);
    byte[] to = Text.terminated("output path", out);
    run(
        r ->
            Options.with(
                Options.Kind.CONVERT,
                options,
                o -> {
                  Native.modelConvert(r, from, to, o);
                  return null;
                }));
  }

  /**
   * Describes a model file without loading it on a device.
   *
   * @param path what {@link #loadModel(String, Map)} reads
   * @param options null: none
   * @return text, or JSON with the option format "json"
   */
  public String describeModel(String path, Map<String, ?> options) {
    byte[] p = Text.terminated("path", path);
    return call(r -> Options.with(Options.Kind.DESCRIBE, options, o -> Text.of(Native.modelDescribe(r, p, o))));
  }

  /**
   * Loads a tokenizer.
   *
   * @param path a vocabulary, a model file that holds one, or "world" or "bytes" from the box
   * @param options null: none
   * @return the tokenizer, to be closed
   */
  public Tokenizer loadTokenizer(String path, Map<String, ?> options) {
    byte[] p = Text.terminated("path", path);
    return call(
        r -> Options.with(Options.Kind.TOKENIZER, options, o -> new Tokenizer(Native.tokenizerLoad(r, p, o))));
  }

  /**
   * Makes a queue of events.
   *
   * @return the queue, to be closed
   */
  public Queue newQueue() {
    return newQueue(null);
  }

  /**
   * As {@link #newQueue()}, with options.
   *
   * @param options null: none
   * @return the queue, to be closed
   */
  public Queue newQueue(Map<String, ?> options) {
    return call(r -> Options.with(Options.Kind.QUEUE, options, o -> new Queue(Native.queueCreate(r, o))));
  }

  /** What a plugin offers. */
  public enum PluginKind {
    /** It was refused before it said so. */
    NONE,
    /** Devices that compute. */
    BACKEND,
    /** Files of models that it reads. */
    FORMAT,
    /** Vocabularies. */
    TOKENIZER
  }

  /**
   * One file that was looked at.
   *
   * @param kind what it offers
   * @param loaded or else refused
   * @param abi the plugin ABI agreed on; 0 if it was refused
   * @param id such as "onednn"; "" if it was refused before it named it
   * @param version the plugin's own; "" if it was refused before it named it
   * @param path of the file; a long one loses its middle
   * @param reason why it was refused, or which of its devices are left out and why; or ""
   */
  public record Plugin(
      PluginKind kind, boolean loaded, int abi, String id, String version, String path, String reason) {}

  /** {@return the files that were looked at, loaded or refused} */
  public List<Plugin> plugins() {
    List<Plugin> plugins = new ArrayList<>();
    int count = callForInt(Native::runtimePluginCount);
    for (int i = 0; i < count; i++) {
      int index = i;
      Struct s = new Struct(3, 4);
      run(r -> Native.runtimePluginInfo(r, index, s.numbers, s.texts));
      PluginKind kind = PluginKind.values()[s.integer(0)];
      plugins.add(new Plugin(kind, s.truth(1), s.integer(2), s.text(0), s.text(1), s.text(2), s.text(3)));
    }
    return plugins;
  }

  /**
   * One device.
   *
   * @param name as options take it
   * @param pluginId of its backend
   * @param description such as the processor's name
   * @param threads it computes with
   * @param memoryBytes taken or free; 0: unknown
   * @param weightTypes a bit for each type of matrix it computes with
   * @param generations a bit for each generation, {@code 1 << 7} for RWKV-7
   */
  public record Device(
      String name,
      String pluginId,
      String description,
      int threads,
      long memoryBytes,
      int weightTypes,
      int generations) {}

  /** {@return the devices; the first is the best, and the default} */
  public List<Device> devices() {
    List<Device> devices = new ArrayList<>();
    int count = callForInt(Native::runtimeDeviceCount);
    for (int i = 0; i < count; i++) {
      int index = i;
      Struct s = new Struct(4, 3);
      run(r -> Native.runtimeDeviceInfo(r, index, s.numbers, s.texts));
      devices.add(
          new Device(
              s.text(0), s.text(1), s.text(2), s.integer(0), s.numbers[1], s.integer(2), s.integer(3)));
    }
    return devices;
  }

  /** The weight of a line of the log. */
  public enum Severity {
    /** For those who look for an error of the library. */
    DEBUG,
    /** What was done, and how. */
    INFO,
    /** What may not be as it was meant. */
    WARNING,
    /** What failed. */
    ERROR
  }

  /**
   * One line of the log.
   *
   * @param severity its weight
   * @param text without a newline
   */
  public record LogLine(Severity severity, String text) {}

  /**
   * Takes the oldest line of the log.
   *
   * @return the line, if there is one
   */
  public Optional<LogLine> pollLog() {
    long[] severity = new long[1];
    byte[] text = call(r -> Native.runtimePollLog(r, severity));
    if (text == null) return Optional.empty();
    return Optional.of(new LogLine(Severity.values()[(int) severity[0]], Text.of(text)));
  }

  /** {@return counters, gauges and histograms in the Prometheus exposition format} */
  public String metrics() {
    return call(r -> Text.of(Native.runtimeMetrics(r)));
  }

  /**
   * How far the runtime's long work is.
   *
   * @param active whether it runs; else the others are of the last one
   * @param doneBytes of totalBytes
   * @param totalBytes 0 until it is known
   * @param what such as "loading"
   */
  public record Progress(boolean active, long doneBytes, long totalBytes, String what) {}

  /**
   * May be asked for while another thread loads a model. Never waits.
   *
   * @return how far it is
   */
  public Progress progress() {
    Struct s = new Struct(3, 1);
    run(r -> Native.runtimeProgress(r, s.numbers, s.texts));
    return new Progress(s.truth(0), s.numbers[1], s.numbers[2], s.text(0));
  }
}
