import dev.skein.SkeinException;
import dev.skein.Status;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Plays one scenario file with the Java binding and prints its transcript: Scenario MODEL SCENARIO_FILE
 * TEMP_DIR. tests/bindings/scenario/README.md is the grammar of both.
 */
final class Scenario {
  final String model;
  final Path file;
  final String temp;
  final Map<String, Object> objects = new HashMap<>();
  private final List<String> results = new ArrayList<>();
  private final PrintStream out = new PrintStream(System.out, false, StandardCharsets.ISO_8859_1);

  Scenario(String model, Path file, String temp) {
    this.model = model;
    this.file = file;
    this.temp = temp;
  }

  void print(String format, Object... values) {
    results.add(String.format(format, values));
  }

  /** A verb's arguments and options. */
  static final class Step {
    final Scenario scenario;
    final List<Words.Word> words = new ArrayList<>();
    Map<String, Object> options;

    Step(Scenario scenario, List<Words.Word> all) {
      this.scenario = scenario;
      for (Words.Word word : all.subList(1, all.size())) {
        if (word.key() == null) {
          words.add(word);
        } else {
          if (options == null) options = new LinkedHashMap<>();
          options.put(word.key(), word.value());
        }
      }
    }

    int size() {
      return words.size();
    }

    String text(int index) {
      return words.get(index).text();
    }

    long number(int index) {
      return Long.parseLong(text(index));
    }

    <T> T get(Class<T> type, int index) {
      return type.cast(scenario.objects.get(text(index)));
    }

    void put(Object object) {
      scenario.objects.put(text(0), object);
    }

    int[] tokens(int index) {
      if (scenario.objects.get(text(index)) instanceof int[] stored) return stored;
      String[] ids = text(index).split(",");
      int[] tokens = new int[ids.length];
      for (int i = 0; i < ids.length; i++) tokens[i] = Integer.parseInt(ids[i]);
      return tokens;
    }

    void print(String format, Object... values) {
      scenario.print(format, values);
    }
  }

  private void run(List<Words.Word> words) throws Exception {
    Verbs.Verb verb = Verbs.ALL.get(words.get(0).text());
    if (verb == null) throw new IllegalArgumentException("no verb " + words.get(0).text());
    verb.run(new Step(this, words));
  }

  private void expectError(List<Words.Word> words) throws Exception {
    String wanted = words.get(1).text();
    try {
      run(words.subList(2, words.size()));
    } catch (SkeinException e) {
      if (!e.status().name().equals(wanted)) throw e;
      results.clear();
      boolean ownMessage = e.status() == Status.INVALID_HANDLE;
      print("%s", ownMessage ? wanted : wanted + " " + Words.quote(anonymous(e.getMessage())));
      return;
    }
    throw new IllegalStateException("the step went well; expected " + wanted);
  }

  /** Takes the paths of this run out of a message. */
  String anonymous(String message) {
    return message.replace(temp, "$TEMP").replace(model, "$MODEL");
  }

  boolean play() throws IOException {
    for (String line : Files.readAllLines(file)) {
      if (line.isEmpty() || line.startsWith("#")) continue;
      out.println("> " + line);
      results.clear();
      try {
        List<Words.Word> words = Words.parse(line, model, temp);
        if (words.get(0).text().equals("error")) {
          expectError(words);
        } else {
          run(words);
        }
      } catch (Exception e) {
        String status = e instanceof SkeinException s ? s.status().name() : "UNKNOWN";
        out.println("  ! " + status + " " + Words.quote(anonymous(String.valueOf(e.getMessage()))));
        out.flush();
        return false;
      }
      for (String result : results) out.println("  " + result);
    }
    out.flush();
    return true;
  }

  public static void main(String[] arguments) throws IOException {
    if (arguments.length != 3) {
      System.err.println("usage: Scenario MODEL SCENARIO_FILE TEMP_DIR");
      System.exit(2);
    }
    System.exit(new Scenario(arguments[0], Path.of(arguments[1]), arguments[2]).play() ? 0 : 1);
  }
}
