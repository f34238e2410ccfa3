import dev.skein.BatchException;
import dev.skein.Event;
import dev.skein.Generation;
import dev.skein.Message;
import dev.skein.Model;
import dev.skein.Options;
import dev.skein.Queue;
import dev.skein.Request;
import dev.skein.Runtime;
import dev.skein.SkeinException;
import dev.skein.Status;
import dev.skein.Stream;
import dev.skein.Tokenizer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;

/** What each part of the binding does. */
final class BindingTest {
  static final Map<String, Object> ENDLESS = Map.of("max_tokens", 1 << 30, "stop_at_end", false, "temperature", 0);
  private static final Map<String, Object> SHORT = Map.of("max_tokens", 16, "seed", 3);

  private BindingTest() {}

  static void errorsHaveAStatusAMessageAndATime() throws Exception {
    Check.withModel(
        Map.of("max_streams", 1),
        (r, m) -> {
          try (Stream s = m.newStream()) {
            SkeinException e = Check.fails(Status.RESOURCE_EXHAUSTED, s::fork);
            Check.that(e.getMessage().contains("max_streams"), e.getMessage());
            Check.that(e.retryAfter().toMillis() > 0, "no time to wait");
          }
        });
  }

  static void optionsAreCheckedBeforeTheCall() throws Exception {
    Map<String, Object> nothing = new HashMap<>();
    nothing.put("threads", null);
    for (Map<String, ?> wrong :
        List.of(
            Map.of("thread", 1),
            Map.of("threads", List.of()),
            Map.of("threads", "two"),
            Map.of("threads\0", 1),
            Map.of("plugin_path", "a\0b"),
            nothing)) {
      Check.fails(Status.INVALID_ARGUMENT, () -> Runtime.create(wrong));
    }
    Runtime.create(Map.of("threads", (byte) 1, "search", true, "plugin_path", new StringBuilder())).close();
  }

  static void optionKeysTellTypeAndRange() {
    Options.Key key =
        Options.keys(Options.Kind.REQUEST).stream().filter(k -> k.name().equals("top_p")).findFirst().orElseThrow();
    Check.same(Options.Type.F64, key.type());
    Check.same("0.85", key.defaultValue());
    Check.that(key.max() == 1 && !key.help().isEmpty(), key.toString());
  }

  static void aRuntimeTellsWhatItHas() throws Exception {
    Check.withModel(
        Map.of(),
        (r, m) -> {
          Check.that(r.plugins().stream().anyMatch(p -> p.loaded() && !p.path().isEmpty()), "no plugins");
          Check.that((r.devices().get(0).generations() & 1 << 7) != 0, r.devices().toString());
          Check.that(r.metrics().contains("skein_slots"), "no metrics");
          Check.same("loading", r.progress().what());
          Check.same(7, m.info().generation());
          r.pollLog().ifPresent(line -> Check.that(!line.text().isEmpty(), "an empty line"));
        });
  }

  static void aTokenizerGivesBackWhatItWasGiven() throws Exception {
    Check.withModel(
        Map.of(),
        (r, m) -> {
          try (Tokenizer t = m.openTokenizer()) {
            for (byte[] text : new byte[][] {{}, {(byte) 0xff, 0, (byte) 0xce}, "αβ 😀".getBytes("UTF-8")}) {
              Check.that(Arrays.equals(text, t.decodeBytes(t.encode(text))), Arrays.toString(text));
            }
          }
        });
  }

  static void evalAndScoreAgree() throws Exception {
    Check.withModel(
        Map.of("deterministic", 1),
        (r, m) -> {
          try (Stream a = m.newStream();
              Stream b = m.newStream()) {
            int[] tokens = {65, 110, 100, 32};
            List<Model.Evaluation> rows =
                m.eval(List.of(new Model.EvalItem(a, new int[] {65, 110, 100}, Model.Output.LAST_LOGITS)));
            double sum = 0;
            for (int i = 0; i < rows.get(0).width(); i++) sum += Math.exp(rows.get(0).rows().get(i));
            double want = rows.get(0).rows().get(32) - Math.log(sum);
            Model.Score score = m.score(List.of(new Model.ScoreItem(b, tokens, 2, 0))).get(0);
            Check.that(Math.abs(score.logprobs()[3] - want) < 1e-4, score.logprobs()[3] + " and " + want);
            Check.same(3L, score.numScored());
            Check.that(score.top()[3][0].logprob() >= score.top()[3][1].logprob(), "the most probable first");
          }
        });
  }

  static void eachItemEndsOnItsOwn() throws Exception {
    Check.withModel(
        Map.of(),
        (r, m) -> {
          try {
            m.embed(List.of(new Model.EmbedItem("In the beginning"), new Model.EmbedItem("")));
            throw new AssertionError("an empty text has no embedding");
          } catch (BatchException e) {
            Check.same(Status.INVALID_ARGUMENT, e.status());
            Model.Embedding good = (Model.Embedding) e.results().get(0);
            Check.same(Status.OK, good.status());
            double length = 0;
            for (float x : good.vector()) length += x * x;
            Check.that(Math.abs(length - 1) < 1e-4, "length " + length);
          }
          Check.same(List.of(), m.score(List.of()));
        });
  }

  private interface UseOfStreams {
    void with(Stream a, Stream b, Stream c) throws Exception;
  }

  private static void withThreeStreams(UseOfStreams use) throws Exception {
    Check.withModel(
        Map.of("deterministic", 1),
        (r, m) -> {
          try (Stream a = m.newStream();
              Stream b = m.newStream();
              Stream c = m.newStream()) {
            use.with(a, b, c);
          }
        });
  }

  static void iteratorStreamAndFutureGiveTheSame() throws Exception {
    withThreeStreams(
        (a, b, c) -> {
          String want = a.complete("And it came", SHORT);
          try (Generation g = b.generate("And it came", SHORT)) {
            Check.same(want, g.pieces().collect(Collectors.joining()));
          }
          Check.same(want, c.completeAsync("And it came", SHORT).get());
        });
  }

  static void aTextNeedsNoOptions() throws Exception {
    withThreeStreams(
        (a, b, c) -> {
          String want = a.complete("And it came", Map.of());
          Check.same(want, b.complete("And it came"));
          try (Generation g = c.generate("And it came")) {
            Check.same(want, g.text());
          }
        });
  }

  static void manyFuturesAtATime() throws Exception {
    Check.withModel(
        Map.of("deterministic", 1),
        (r, m) -> {
          List<Stream> streams = new ArrayList<>();
          List<CompletableFuture<String>> futures = new ArrayList<>();
          for (int i = 0; i < 16; i++) {
            streams.add(m.newStream());
            futures.add(streams.get(i).completeAsync("And", SHORT));
          }
          Set<String> texts = new HashSet<>();
          for (CompletableFuture<String> future : futures) texts.add(future.get());
          Check.same(1, texts.size());
          streams.forEach(Stream::close);
        });
  }

  static void aFutureMayWaitForAnother() throws Exception {
    Check.withModel(
        Map.of(),
        (r, m) -> {
          try (Stream s = m.newStream()) {
            String text = s.completeAsync("And", SHORT).thenApply(t -> t + s.complete("", SHORT)).get();
            Check.that(!text.isEmpty(), "no text");
          }
        });
  }

  static void whoeverCompletesAFutureCancelsItsRequest() throws Exception {
    Check.withModel(
        Map.of(),
        (r, m) -> {
          try (Stream s = m.newStream()) {
            s.completeAsync("And", ENDLESS).cancel(true);
            awaitFree(s);
            s.completeAsync("And", ENDLESS).orTimeout(1, TimeUnit.MILLISECONDS);
            awaitFree(s);
            Check.same("x", s.completeAsync("And", ENDLESS).completeOnTimeout("x", 1, TimeUnit.MILLISECONDS).get());
            awaitFree(s);
          }
        });
  }

  /** Waits until no request runs on the stream, and resets it. */
  static void awaitFree(Stream s) {
    while (true) {
      try {
        s.reset();
        return;
      } catch (SkeinException e) {
        Check.same(Status.FAILED_PRECONDITION, e.status());
        Thread.onSpinWait();
      }
    }
  }

  static void aFutureFailsWithTheStatus() throws Exception {
    Check.withModel(
        Map.of(),
        (r, m) -> {
          Stream s = m.newStream();
          CompletableFuture<String> future = s.completeAsync("And", ENDLESS);
          s.close();
          try {
            future.get();
            throw new AssertionError("it went well");
          } catch (ExecutionException e) {
            Check.same(Status.CANCELLED, ((SkeinException) e.getCause()).status());
          }
        });
  }

  static void closingAGenerationFreesItsStream() throws Exception {
    Check.withModel(
        Map.of(),
        (r, m) -> {
          try (Stream s = m.newStream()) {
            for (int i = 0; i < 5; i++) {
              try (Generation g = s.generate("And", ENDLESS)) {
                Check.that(g.iterator().next().kind() == Event.Kind.TOKEN, "no token");
              }
              s.reset(); // it has no writer any more
            }
          }
        });
  }

  static void aReaderThatIsSlowHoldsItsOwnRequestAlone() throws Exception {
    Check.withModel(
        Map.of(),
        (r, m) -> {
          try (Stream slow = m.newStream();
              Stream other = m.newStream();
              Generation g = slow.generate("And", ENDLESS)) {
            g.iterator().next();
            long last = -1;
            while (slow.position() != last || last < 200) { // it stops when its window is full
              last = slow.position();
              other.complete("And", Map.of("max_tokens", 50));
            }
            Check.that(last < 400, "it went on to " + last);
            for (int i = 0; i < 600; i++) g.iterator().next();
          }
        });
  }

  static void stopsSamplesAndLogprobs() throws Exception {
    Check.withModel(
        Map.of(),
        (r, m) -> {
          try (Stream s = m.newStream();
              Queue q = r.newQueue();
              Request x = s.newRequest()) {
            x.setPrompt("Let there be");
            x.setOptions(Map.of("n", 3, "max_tokens", 4, "seed", 1, "logprobs", 2));
            x.addStop("\n\n");
            x.addStopToken(0);
            x.setLogitBias(66, -1);
            x.setUserData(7);
            q.submit(x);
            Event last;
            do {
              last = q.read(1, Duration.ofMinutes(1)).get(0);
            } while (!last.isTerminal());
            Check.same(7L, last.userData());
            Check.same(3, x.logprobs(1, 0, 1)[0].length);
            x.takeSample(1).close();
            Check.fails(Status.FAILED_PRECONDITION, () -> x.takeSample(1));
          }
        });
  }

  static void pollTakesTextsOfAnyLength() throws Exception {
    Check.withModel(
        Map.of(),
        (r, m) -> {
          try (Stream s = m.newStream();
              Queue q = r.newQueue();
              Request x = s.newRequest()) {
            int numTokens = 6000;
            x.setPrompt("A");
            x.setOptions(Map.of("max_tokens", numTokens));
            x.setLogitBias('A', 1e6f); // the model's tokens are bytes
            x.addStop("A".repeat(numTokens) + "."); // keeps the text back until the end
            q.submit(x);
            StringBuilder text = new StringBuilder();
            while (true) {
              List<Event> events = q.read(7, Duration.ofMinutes(1));
              for (Event e : events) text.append(e.text());
              if (events.get(events.size() - 1).isTerminal()) break;
            }
            Check.same("A".repeat(numTokens), text.toString());
          }
        });
  }

  static void theWakeUpFunctionMayPollAndSubmit() throws Exception {
    Check.withModel(
        Map.of(),
        (r, m) -> {
          try (Stream a = m.newStream();
              Stream b = m.newStream();
              Queue q = r.newQueue();
              Request first = a.newRequest();
              Request second = b.newRequest()) {
            for (Request x : List.of(first, second)) {
              x.setPrompt("And");
              x.setOptions(Map.of("max_tokens", 3));
            }
            AtomicInteger calls = new AtomicInteger();
            CountDownLatch ended = new CountDownLatch(2);
            q.setWakeup(
                () -> {
                  if (calls.getAndIncrement() == 0) q.submit(second);
                  for (Event e : q.poll(100)) {
                    if (e.isTerminal()) ended.countDown();
                  }
                  throw new IllegalStateException("what a function throws goes nowhere");
                });
            q.submit(first);
            ended.await();
            q.setWakeup(null);
          }
        });
  }

  static void aStreamForksGoesBackAndMoves() throws Exception {
    Check.withModel(
        Map.of("deterministic", 1),
        (r, m) -> {
          try (Stream s = m.newStream()) {
            s.complete("And it came to pass", SHORT);
            byte[] snapshot = s.snapshot();
            try (Stream fork = s.fork();
                Stream other = m.newStream()) {
              other.restore(snapshot);
              Check.same(fork.complete("", SHORT), other.complete("", SHORT));
              Check.that(Arrays.equals(fork.state(), other.state()), "the states differ");
            }
            s.setCheckpoint("here");
            Check.that(s.checkpoints().stream().anyMatch(c -> c.name().equals("here")), "no checkpoint");
            s.truncate(5);
            Check.same(5, s.tokens(0).length);
          }
        });
  }

  static void aConversationIsATextAsItComes() throws Exception {
    Check.withModel(
        Map.of(),
        (r, m) -> {
          List<Message> messages = List.of(new Message("user", "Why?"));
          Map<String, ?> template = Map.of("template", "world");
          String expected;
          try (Stream s = m.newStream()) {
            expected = s.complete(m.chatPrompt(messages, template), SHORT);
          }
          try (Stream s = m.newStream();
              Generation g = s.chat(messages, template, SHORT)) {
            Check.same(expected, g.pieces().collect(Collectors.joining()));
          }
          try (Stream s = m.newStream()) {
            Check.fails(Status.INVALID_ARGUMENT, () -> s.chat(messages, Map.of("template", "nobody's"), SHORT));
          }
        });
  }

  static void aRequestStartsOnce() throws Exception {
    Check.withModel(
        Map.of(),
        (r, m) -> {
          try (Stream s = m.newStream();
              Request first = s.newRequest();
              Request second = s.newRequest()) {
            first.setPrompt("And ");
            first.setLogitBias('z', 1000);
            first.setOptions(Map.of("max_tokens", 600, "window", 1)); // it runs until it is read
            second.setPrompt("");
            second.setOptions(SHORT);
            try (Generation text = first.start()) {
              Check.fails(Status.FAILED_PRECONDITION, first::start);
              Check.fails(Status.FAILED_PRECONDITION, second::start); // the stream is busy
              Check.same("z".repeat(600), text.text());
            }
            try (Generation text = second.start()) {
              Check.that(!text.text().isEmpty(), "no text");
            }
          }
        });
  }

  static void aRequestThatStartsDoesNotRunAwayFromItsReader() throws Exception {
    Check.withModel(
        Map.of(),
        (r, m) -> {
          try (Stream s = m.newStream();
              Request request = s.newRequest()) {
            request.setPrompt("And ");
            request.setOptions(Map.of("max_tokens", 5000, "stop_at_end", false));
            try (Generation text = request.start()) {
              Check.same(Event.Kind.TOKEN, text.iterator().next().kind());
              // There is a window, so that there is something to acknowledge.
              Check.fails(Status.INVALID_ARGUMENT, () -> request.acknowledge(5000));
            }
          }
        });
  }

  static void chatAndTenants() throws Exception {
    Check.withModel(
        Map.of(),
        (r, m) -> {
          String prompt = m.chatPrompt(List.of(new Message("user", "Why?")), Map.of("template", "world"));
          Check.that(prompt.contains("User: Why?"), prompt);
          m.setTenant("ann", Map.of("weight", 2));
          Check.same(2.0, m.tenantLoad("ann").weight());
        });
  }
}
