import dev.skein.Logprob;
import dev.skein.Message;
import dev.skein.Model;
import dev.skein.Options;
import dev.skein.Prefix;
import dev.skein.Request;
import dev.skein.Runtime;
import dev.skein.Status;
import dev.skein.Stream;
import dev.skein.Tokenizer;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** One entry for each verb: the calls of the binding that it stands for. */
final class Verbs {
  interface Verb {
    void run(Scenario.Step step) throws Exception;
  }

  static final Map<String, Verb> ALL = new HashMap<>();

  private Verbs() {}

  static {
    ALL.put("version", s -> s.print("%s", Words.quote(Runtime.libraryVersion())));
    ALL.put("status_name", s -> s.print("%s", Words.quote(Status.nameOf((int) s.number(0)))));
    ALL.put("bytes", s -> s.put(s.words.get(1).bytes()));
    ALL.put("child", Verbs::child);
    ALL.put("release", Verbs::release);
    addRuntime();
    addModel();
    addTokenizer();
    addStream();
    addBatches();
    addPrefix();
    addRequest();
    addQueue();
  }

  private static void child(Scenario.Step s) throws IOException, InterruptedException {
    ProcessHandle.Info self = ProcessHandle.current().info();
    String file = s.scenario.file.resolveSibling(s.text(0)).toString();
    Process process =
        new ProcessBuilder(
                self.command().orElseThrow(), "-cp", System.getProperty("java.class.path"), "Scenario",
                s.scenario.model, file, s.scenario.temp)
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    String transcript = new String(process.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
    transcript.lines().forEach(line -> s.print("%s", line));
    if (process.waitFor() != 0) throw new IllegalStateException("the child ended with " + process.exitValue());
  }

  private static void release(Scenario.Step s) throws Exception {
    for (int i = 0; i < s.size(); i++) s.get(AutoCloseable.class, i).close();
  }

  private static int number(boolean truth) {
    return truth ? 1 : 0;
  }

  private static void present(Scenario.Step s, String text, String word) {
    s.print("%s", text.contains(word) ? "present" : "absent");
  }

  private static void addRuntime() {
    ALL.put(
        "options_keys",
        s ->
            Options.keys(Options.Kind.of((int) s.number(0)))
                .forEach(
                    k ->
                        s.print(
                            "%s %d %s %s %s",
                            k.name(), k.type().ordinal() + 1, Words.quote(k.defaultValue()),
                            Words.show(k.min()), Words.show(k.max()))));
    ALL.put("runtime_create", s -> s.put(Runtime.create(s.options)));
    ALL.put("runtime_load_plugin", s -> s.get(Runtime.class, 0).loadPlugin(s.text(1)));
    ALL.put(
        "runtime_plugin",
        s ->
            s.get(Runtime.class, 0).plugins().stream()
                .filter(p -> p.id().equals(s.text(1)))
                .forEach(p -> s.print("%d %d %d", p.kind().ordinal(), number(p.loaded()), p.abi())));
    ALL.put(
        "runtime_device",
        s ->
            s.get(Runtime.class, 0).devices().stream()
                .filter(d -> d.name().equals(s.text(1)))
                .forEach(d -> s.print("%s %d %d", Words.quote(d.pluginId()), d.generations(), d.weightTypes())));
    ALL.put(
        "runtime_poll_log",
        s -> {
          Runtime r = s.get(Runtime.class, 0);
          boolean any = false;
          while (r.pollLog().isPresent()) any = true;
          s.print("%s", any ? "lines" : "none");
        });
    ALL.put("runtime_metrics", s -> present(s, s.get(Runtime.class, 0).metrics(), s.text(1)));
    ALL.put(
        "runtime_progress",
        s -> {
          Runtime.Progress p = s.get(Runtime.class, 0).progress();
          s.print("%d %s", number(p.active()), Words.quote(p.what()));
        });
  }

  private static List<Message> messages(Scenario.Step s) {
    List<Message> messages = new ArrayList<>();
    for (int i = 1; i < s.size(); i += 2) messages.add(new Message(s.text(i), s.text(i + 1)));
    return messages;
  }

  private static void addModel() {
    ALL.put("model_load", s -> s.put(s.get(Runtime.class, 1).loadModel(s.text(2), s.options)));
    ALL.put(
        "model_get_info",
        s -> {
          Model.Info i = s.get(Model.class, 0).info();
          s.print(
              "%d %d %d %d %d %d %d %d %d %d %d",
              i.generation(), i.numLayers(), i.dModel(), i.dFfn(), i.vocabSize(), i.numHeads(), i.headSize(),
              i.numParameters(), i.numStateFloats(), number(i.hasTokenizer()), i.endToken());
          s.print(
              "%s %s %s %s",
              Words.quote(i.device()), Words.quote(i.type()), Words.quote(i.name()), Words.quote(i.chatTemplate()));
        });
    ALL.put(
        "model_describe",
        s -> present(s, s.get(Runtime.class, 0).describeModel(s.text(1), s.options), s.text(2)));
    ALL.put("model_convert", s -> s.get(Runtime.class, 0).convertModel(s.text(1), s.text(2), s.options));
    ALL.put("model_tokenizer", s -> s.put(s.get(Model.class, 1).openTokenizer()));
    ALL.put(
        "model_chat_prompt",
        s -> s.print("%s", Words.quote(s.get(Model.class, 0).chatPrompt(messages(s), s.options))));
    ALL.put("model_set_tenant", s -> s.get(Model.class, 0).setTenant(s.text(1), s.options));
    ALL.put(
        "model_get_load",
        s -> {
          Model m = s.get(Model.class, 0);
          Model.Load l = s.size() > 1 ? m.tenantLoad(s.text(1)) : m.load();
          s.print(
              "%d %d %d %d %d %s",
              l.numStreams(), l.maxStreams(), l.numWaiting(), l.numRunning(), l.queuedTokens(), Words.show(l.weight()));
        });
  }

  private static void addTokenizer() {
    ALL.put("tokenizer_load", s -> s.put(s.get(Runtime.class, 1).loadTokenizer(s.text(2), s.options)));
    ALL.put(
        "tokenizer_get_info",
        s -> {
          Tokenizer.Info i = s.get(Tokenizer.class, 0).info();
          s.print("%d %s %s", i.vocabSize(), Words.quote(i.kind()), Words.quote(i.origin()));
        });
    ALL.put(
        "tokenizer_encode",
        s -> {
          int[] tokens = s.get(Tokenizer.class, 1).encode(s.words.get(2).bytes());
          s.print("%s", Words.show(tokens));
          s.put(tokens);
        });
    ALL.put(
        "tokenizer_decode",
        s -> s.print("%s", Words.quote(s.get(Tokenizer.class, 0).decodeBytes(s.tokens(1)))));
  }

  private static Stream.Save[] saveOptions(Scenario.Step s) {
    return s.words.stream().skip(2).map(w -> Stream.Save.valueOf(w.text().toUpperCase())).toArray(Stream.Save[]::new);
  }

  private static void addStream() {
    ALL.put("stream_create", s -> s.put(s.get(Model.class, 1).newStream(s.options)));
    ALL.put("stream_reset", s -> s.get(Stream.class, 0).reset());
    ALL.put("stream_fork", s -> s.put(s.get(Stream.class, 1).fork()));
    ALL.put(
        "stream_fork_at",
        s -> {
          Stream.Fork fork = s.get(Stream.class, 1).forkAt(s.number(2));
          s.put(fork.stream());
          s.print("%d", fork.replayed());
        });
    ALL.put("stream_position", s -> s.print("%d", s.get(Stream.class, 0).position()));
    ALL.put("stream_tokens", s -> s.print("%s", Words.show(s.get(Stream.class, 0).tokens(s.number(1)))));
    ALL.put("stream_truncate", s -> s.print("%d", s.get(Stream.class, 0).truncate(s.number(1))));
    ALL.put("stream_set_checkpoint", s -> s.get(Stream.class, 0).setCheckpoint(s.text(1)));
    ALL.put("stream_find_checkpoint", s -> s.print("%d", s.get(Stream.class, 0).findCheckpoint(s.text(1))));
    ALL.put(
        "stream_checkpoints",
        s ->
            s.get(Stream.class, 0)
                .checkpoints()
                .forEach(c -> s.print("%d %d %s", c.position(), c.stateBytes(), Words.quote(c.name()))));
    ALL.put("stream_snapshot", s -> s.put(s.get(Stream.class, 1).snapshot()));
    ALL.put("stream_snapshot_with", s -> s.put(s.get(Stream.class, 1).snapshotWithPast()));
    ALL.put("stream_restore", s -> s.get(Stream.class, 0).restore(s.get(byte[].class, 1)));
    ALL.put("stream_save", s -> s.get(Stream.class, 0).save(s.text(1), saveOptions(s)));
    ALL.put("stream_load", s -> s.get(Stream.class, 0).load(s.text(1)));
    ALL.put("stream_state", s -> s.print("%s", Words.show(s.get(Stream.class, 0).state())));
  }

  private static float[] array(FloatBuffer buffer) {
    float[] array = new float[buffer.remaining()];
    buffer.get(array);
    return array;
  }

  private static int[] tokensOf(Logprob[][] rows) {
    return Arrays.stream(rows).flatMap(Arrays::stream).mapToInt(Logprob::token).toArray();
  }

  private static float[] logprobsOf(Logprob[][] rows) {
    List<Logprob> all = Arrays.stream(rows).flatMap(Arrays::stream).toList();
    float[] array = new float[all.size()];
    for (int i = 0; i < array.length; i++) array[i] = all.get(i).logprob();
    return array;
  }

  private static void addBatches() {
    ALL.put(
        "eval",
        s -> {
          Model.Output output = Model.Output.valueOf(s.text(1).toUpperCase());
          List<Model.EvalItem> items = new ArrayList<>();
          for (int i = 2; i < s.size(); i += 2) {
            items.add(new Model.EvalItem(s.get(Stream.class, i), s.tokens(i + 1), output));
          }
          s.get(Model.class, 0).eval(items).forEach(e -> s.print("%s", Words.show(array(e.rows()))));
        });
    ALL.put(
        "score",
        s -> {
          List<Model.ScoreItem> items = new ArrayList<>();
          for (int i = 2; i < s.size(); i += 2) {
            items.add(new Model.ScoreItem(s.get(Stream.class, i), s.tokens(i + 1), (int) s.number(1), 0));
          }
          for (Model.Score score : s.get(Model.class, 0).score(items)) {
            s.print(
                "%d %s %s %s %s",
                score.numScored(), Words.show(score.logprob()), Words.show(score.logprobs()),
                Words.show(tokensOf(score.top())), Words.show(logprobsOf(score.top())));
          }
        });
    ALL.put(
        "embed",
        s -> {
          List<Model.EmbedItem> items = new ArrayList<>();
          for (int i = 3; i < s.size(); i += 2) {
            Stream stream = s.text(i).equals("-") ? null : s.get(Stream.class, i);
            String input = s.text(i + 1);
            boolean tokens = s.scenario.objects.containsKey(input) || input.matches("[0-9,]+");
            Model.Pooling pooling = Model.Pooling.valueOf(s.text(1).toUpperCase());
            items.add(
                new Model.EmbedItem(
                    stream, tokens ? s.tokens(i + 1) : null, tokens ? null : input, pooling, s.number(2) == 1, 0, null));
          }
          s.get(Model.class, 0).embed(items).forEach(e -> s.print("%d %s", e.numRead(), Words.show(e.vector())));
        });
  }

  private static void addPrefix() {
    ALL.put("prefix_create", s -> s.put(s.get(Stream.class, 1).newPrefix(s.text(2), s.text(3))));
    ALL.put("prefix_start", s -> s.put(s.get(Prefix.class, 1).newStream(s.options)));
    ALL.put(
        "prefix_get_info",
        s -> {
          Prefix.Info i = s.get(Prefix.class, 0).info();
          s.print("%d %d %s %s", i.position(), i.stateBytes(), Words.quote(i.fingerprint()), Words.quote(i.name()));
        });
    ALL.put("prefix_provenance", s -> s.print("%s", Words.quote(s.get(Prefix.class, 0).provenance())));
    ALL.put("prefix_save", s -> s.get(Prefix.class, 0).save(s.text(1), saveOptions(s)));
    ALL.put("prefix_load", s -> s.put(s.get(Model.class, 1).loadPrefix(s.text(2))));
    ALL.put("snapshot_describe", s -> present(s, Prefix.describeSnapshot(s.text(0), s.options), s.text(1)));
  }

  private static Request newRequest(Scenario.Step s) {
    Request request = s.get(Stream.class, 1).newRequest();
    if (s.options != null) request.setOptions(s.options);
    return request;
  }

  private static void addRequest() {
    ALL.put("request_create", s -> s.put(newRequest(s)));
    ALL.put("request_set_prompt", s -> s.get(Request.class, 0).setPrompt(s.text(1)));
    ALL.put("request_set_prompt_tokens", s -> s.get(Request.class, 0).setPrompt(s.tokens(1)));
    ALL.put("request_set_chat", s -> s.get(Request.class, 0).setChat(messages(s), s.options));
    ALL.put("request_add_stop", s -> s.get(Request.class, 0).addStop(s.text(1)));
    ALL.put("request_add_stop_token", s -> s.get(Request.class, 0).addStopToken((int) s.number(1)));
    ALL.put(
        "request_set_logit_bias",
        s -> s.get(Request.class, 0).setLogitBias((int) s.number(1), Float.parseFloat(s.text(2))));
    ALL.put("request_set_user_data", s -> s.get(Request.class, 0).setUserData(s.number(1)));
    ALL.put("request_cancel", s -> s.get(Request.class, 0).cancel());
    ALL.put("request_acknowledge", s -> s.get(Request.class, 0).acknowledge(s.number(1)));
    ALL.put(
        "request_logprobs",
        s -> {
          int sample = s.text(1).equals("prompt") ? Request.PROMPT : (int) s.number(1);
          Logprob[][] rows = s.get(Request.class, 0).logprobs(sample, s.number(2), (int) s.number(3));
          s.print("%s", Words.show(tokensOf(rows)));
          s.print("%s", Words.show(logprobsOf(rows)));
        });
    ALL.put("request_take_sample", s -> s.put(s.get(Request.class, 1).takeSample((int) s.number(2))));
  }

  private static void addQueue() {
    ALL.put("queue_create", s -> s.put(new Delivery.Deliveries(s.get(Runtime.class, 1).newQueue(s.options))));
    ALL.put(
        "queue_fd",
        s -> s.print("%s", s.get(Delivery.Deliveries.class, 0).queue.fd() >= 0 ? "open" : "closed"));
    ALL.put(
        "queue_wait",
        s -> {
          boolean ready = s.get(Delivery.Deliveries.class, 0).queue.await(Duration.ofMillis(s.number(1)));
          s.print("%d", number(ready));
        });
    ALL.put(
        "queue_set_wakeup",
        s -> {
          Delivery.Deliveries d = s.get(Delivery.Deliveries.class, 0);
          if (s.text(1).equals("on")) {
            d.queue.setWakeup(d.woken::incrementAndGet);
            return;
          }
          d.queue.setWakeup(null);
          s.print("%s", d.woken.get() > 0 ? "woken" : "silent");
        });
    ALL.put(
        "queue_submit",
        s -> {
          List<String> names = new ArrayList<>();
          List<Request> requests = new ArrayList<>();
          for (int i = 1; i < s.size(); i++) {
            names.add(s.text(i));
            requests.add(s.get(Request.class, i));
          }
          s.get(Delivery.Deliveries.class, 0).submit(names, requests);
        });
    ALL.put(
        "queue_read",
        s -> {
          Delivery.Deliveries d = s.get(Delivery.Deliveries.class, 0);
          Delivery own = d.of(s.get(Request.class, 1));
          d.take(() -> own.terminal != null || own.numTokens >= s.number(2));
        });
    ALL.put("queue_drain", s -> s.get(Delivery.Deliveries.class, 0).drain(s));
    ALL.put(
        "complete",
        s -> {
          try (Request request = newRequest(s)) {
            request.setPrompt(s.text(2));
            Delivery.Deliveries d = s.get(Delivery.Deliveries.class, 0);
            d.submit(List.of("complete"), List.of(request));
            d.drain(s);
          }
        });
  }
}
