import dev.skein.Event;
import dev.skein.Queue;
import dev.skein.Request;
import java.io.ByteArrayOutputStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;

/** What came for one request and was not printed yet. */
final class Delivery {
  private static final Duration LONG = Duration.ofMinutes(5);

  /** A queue, and what it delivered. */
  static final class Deliveries implements AutoCloseable {
    final Queue queue;
    final AtomicInteger woken = new AtomicInteger();
    final List<Delivery> submitted = new ArrayList<>(); // in this order

    Deliveries(Queue queue) {
      this.queue = queue;
    }

    void submit(List<String> names, List<Request> requests) {
      queue.submit(requests);
      for (int i = 0; i < names.size(); i++) submitted.add(new Delivery(names.get(i), requests.get(i)));
    }

    void take(BooleanSupplier done) throws InterruptedException {
      while (!done.getAsBoolean()) {
        for (Event event : queue.read(16, LONG)) {
          for (Delivery d : submitted) {
            if (d.request == event.request()) d.add(event);
          }
        }
      }
    }

    Delivery of(Request request) {
      return submitted.stream().filter(d -> d.request == request).findFirst().orElse(null);
    }

    void drain(Scenario.Step step) throws InterruptedException {
      take(() -> submitted.stream().allMatch(d -> d.terminal != null));
      for (Delivery d : submitted) d.print(step);
      submitted.clear();
    }

    @Override
    public void close() {
      queue.close();
    }
  }

  private static final class Sample {
    final List<Integer> tokens = new ArrayList<>();
    final List<Float> logprobs = new ArrayList<>();
    final ByteArrayOutputStream text = new ByteArrayOutputStream();
    double sum = Double.NaN;
  }

  private final String name;
  final Request request;
  private final TreeMap<Integer, Sample> samples = new TreeMap<>();
  Event terminal;
  int numTokens;

  Delivery(String name, Request request) {
    this.name = name;
    this.request = request;
  }

  private void add(Event event) {
    if (event.isTerminal()) terminal = event;
    if (event.kind() == Event.Kind.ERROR || event.isTerminal() && event.textBytes().length == 0) return;
    Sample sample = samples.computeIfAbsent(event.sample(), i -> new Sample());
    sample.text.writeBytes(event.textBytes());
    if (event.kind() != Event.Kind.TOKEN) return;
    numTokens++;
    sample.tokens.add(event.token());
    sample.logprobs.add(event.logprob());
    sample.sum = event.logprobSum();
  }

  private void print(Scenario.Step step) {
    Event t = terminal;
    boolean failed = t.kind() == Event.Kind.ERROR;
    step.print(
        "%s %s %s prompt %d cached %d tokens %d position %d user %d",
        name,
        t.kind().name().toLowerCase(),
        failed ? t.status().name() : t.reason().name().toLowerCase(),
        t.numPromptTokens(),
        t.numCachedTokens(),
        t.numTokens(),
        t.position(),
        t.userData());
    if (failed) step.print("  message %s", Words.quote(step.scenario.anonymous(t.text())));
    samples.forEach(
        (index, sample) -> {
          int[] tokens = sample.tokens.stream().mapToInt(i -> i).toArray();
          float[] logprobs = new float[tokens.length];
          for (int i = 0; i < tokens.length; i++) logprobs[i] = sample.logprobs.get(i);
          step.print("  sample %d tokens %s", index, Words.show(tokens));
          step.print("  text %s", Words.quote(sample.text.toByteArray()));
          step.print("  logprobs %s", Words.show(logprobs));
          step.print("  sum %s", Words.show(sample.sum));
        });
  }
}
