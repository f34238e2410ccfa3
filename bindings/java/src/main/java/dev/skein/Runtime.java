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

  /** Makes a runtime and loads the plugins that it finds. */
  public static Runtime create() {
    return create(null);
  }

  public static Runtime create(Map<String, ?> options) {
    return Options.with(
        Options.Kind.RUNTIME, options, o -> new Runtime(Native.runtimeCreate(o), new AtomicReference<>()));
  }

  /** The version of the library, as "MAJOR.MINOR.PATCH". */
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

  /** Loads one plugin from a file of any name. */
  public void loadPlugin(String path) {
    run(r -> Native.runtimeLoadPlugin(r, Text.terminated("path", path)));
  }

  /** Loads a model: a package, a checkpoint, or "synthetic:SHAPE". */
  public Model loadModel(String path, Map<String, ?> options) {
    byte[] p = Text.terminated("path", path);
    return call(r -> Options.with(Options.Kind.MODEL, options, o -> new Model(this, Native.modelLoad(r, p, o))));
  }

  public Model loadModel(Path path) {
    return loadModel(path.toString(), null);
  }

  public Model loadModel(String path) {
    return loadModel(path, null);
  }

  /** Converts a model file. The result appears whole or not at all. */
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

  /** Describes a model file without loading it on a device, as text or JSON. */
  public String describeModel(String path, Map<String, ?> options) {
    byte[] p = Text.terminated("path", path);
    return call(r -> Options.with(Options.Kind.DESCRIBE, options, o -> Text.of(Native.modelDescribe(r, p, o))));
  }

  /** Loads a vocabulary, the tokenizer of a model file, or "world" or "bytes" from the box. */
  public Tokenizer loadTokenizer(String path, Map<String, ?> options) {
    byte[] p = Text.terminated("path", path);
    return call(
        r -> Options.with(Options.Kind.TOKENIZER, options, o -> new Tokenizer(Native.tokenizerLoad(r, p, o))));
  }

  /** Makes a queue of events. */
  public Queue newQueue() {
    return newQueue(null);
  }

  public Queue newQueue(Map<String, ?> options) {
    return call(r -> Options.with(Options.Kind.QUEUE, options, o -> new Queue(Native.queueCreate(r, o))));
  }

  /** What a plugin offers. NONE: it was refused before it said so. */
  public enum PluginKind {
    NONE,
    BACKEND,
    FORMAT,
    TOKENIZER
  }

  /** One file that was looked at. {@code reason}: why it was refused, or what of it is left out. */
  public record Plugin(
      PluginKind kind, boolean loaded, int abi, String id, String version, String path, String reason) {}

  /** The files that were looked at, loaded or refused. */
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
   * One device. {@code memoryBytes} 0: unknown. {@code weightTypes} has a bit for each element type,
   * {@code generations} one for each generation, {@code 1 << 7} for RWKV-7.
   */
  public record Device(
      String name,
      String pluginId,
      String description,
      int threads,
      long memoryBytes,
      int weightTypes,
      int generations) {}

  /** The devices; the first is the best, and the default. */
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
    DEBUG,
    INFO,
    WARNING,
    ERROR
  }

  /** One line of the log, without a newline. */
  public record LogLine(Severity severity, String text) {}

  /** Takes the oldest line of the log, if there is one. */
  public Optional<LogLine> pollLog() {
    long[] severity = new long[1];
    byte[] text = call(r -> Native.runtimePollLog(r, severity));
    if (text == null) return Optional.empty();
    return Optional.of(new LogLine(Severity.values()[(int) severity[0]], Text.of(text)));
  }

  /** Counters, gauges and histograms in the Prometheus exposition format. */
  public String metrics() {
    return call(r -> Text.of(Native.runtimeMetrics(r)));
  }

  /** How far the runtime's long work is. */
  public record Progress(boolean active, long doneBytes, long totalBytes, String what) {}

  /** May be asked for while another thread loads a model. */
  public Progress progress() {
    Struct s = new Struct(3, 1);
    run(r -> Native.runtimeProgress(r, s.numbers, s.texts));
    return new Progress(s.truth(0), s.numbers[1], s.numbers[2], s.text(0));
  }
}
