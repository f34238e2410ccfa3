import dev.skein.Event;
import dev.skein.Logprob;
import dev.skein.Model;
import dev.skein.Options;
import dev.skein.Request;
import dev.skein.Runtime;
import dev.skein.Status;
import dev.skein.Stream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Compares the binding with the ABI as data: the file of the property skein.api. */
final class ApiTest {
  private ApiTest() {}

  private static String api() throws Exception {
    return Files.readString(Path.of(System.getProperty("skein.api")));
  }

  static void theBindingUsesTheWholeAbi() throws Exception {
    StringBuilder sources = new StringBuilder();
    try (var files = Files.list(Path.of(System.getProperty("skein.native")))) {
      for (Path file : files.filter(f -> f.toString().endsWith(".c")).toList()) sources.append(Files.readString(file));
    }
    TreeSet<String> unused = new TreeSet<>();
    String functions = api().substring(api().indexOf("\"functions\": ["));
    Matcher function = Pattern.compile("\"name\": \"(skein_[a-z0-9_]+)\",\\s*\"header\"").matcher(functions);
    int count = 0;
    for (; function.find(); count++) {
      if (!Pattern.compile("\\b" + function.group(1) + "\\(").matcher(sources).find()) unused.add(function.group(1));
    }
    Check.that(count > 70, count + " functions");
    Check.same(new TreeSet<String>(), unused);
  }

  /** The constants whose names begin so are the values of an enum, which has their numbers from {@code first}. */
  private static void isEnum(String group, Enum<?>[] values, int first) throws Exception {
    Matcher constant =
        Pattern.compile("\"name\": \"" + group + "([A-Z0-9_]+)\",\\s*\"value\": (\\d+)").matcher(api());
    int count = 0;
    while (constant.find()) {
      count++;
      int index = Integer.parseInt(constant.group(2)) - first;
      Check.that(index < values.length, constant.group() + " is new");
      Check.same(constant.group(1), values[index].name());
    }
    Check.that(count > 0 && first + values.length >= count, group + ": " + count);
  }

  static void theEnumsHaveTheNumbersOfTheAbi() throws Exception {
    isEnum("SKEIN_EVENT_", Event.Kind.values(), 1);
    isEnum("SKEIN_REASON_", Event.Reason.values(), 0);
    isEnum("SKEIN_CACHE_", Event.Cache.values(), 0);
    isEnum("SKEIN_OUTPUT_", Model.Output.values(), 0);
    isEnum("SKEIN_POOLING_", Model.Pooling.values(), 0);
    isEnum("SKEIN_OPTIONS_", Options.Kind.values(), 1);
    isEnum("SKEIN_OPTION_", Options.Type.values(), 1);
    isEnum("SKEIN_LOG_", Runtime.Severity.values(), 0);
    isEnum("SKEIN_PLUGIN_KIND_", Runtime.PluginKind.values(), 0);
  }

  static void theOtherConstantsAreThoseOfTheAbi() throws Exception {
    for (Status status : Status.values()) Check.same((long) status.code(), constant("SKEIN_" + status.name()));
    for (Map.Entry<String, Long> entry :
        Map.of(
                "SKEIN_NO_TOKEN", Integer.toUnsignedLong(Logprob.NO_TOKEN),
                "SKEIN_MAX_TOP_LOGPROBS", (long) Logprob.MAX_TOP,
                "SKEIN_SAMPLE_PROMPT", Integer.toUnsignedLong(Request.PROMPT),
                "SKEIN_SAVE_REPLACE", 1L << Stream.Save.REPLACE.ordinal(),
                "SKEIN_SAVE_PAST", 1L << Stream.Save.PAST.ordinal())
            .entrySet()) {
      Check.same(entry.getValue(), constant(entry.getKey()));
    }
  }

  private static long constant(String name) throws Exception {
    Matcher constant = Pattern.compile("\"name\": \"" + name + "\",\\s*\"value\": (\\d+)").matcher(api());
    Check.that(constant.find(), "no " + name);
    return Long.parseLong(constant.group(1));
  }
}
