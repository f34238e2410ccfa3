// Ends the process while streams are alive and a request runs: MODEL return|exit|static.
#include <cstdlib>
#include <memory>
#include <string>

#include "skein/skein.hpp"

namespace {

struct Session {
  explicit Session(const std::string& path)
      : model(runtime, path, {{"calibrate", 0}}),
        stream(model),
        queue(runtime),
        request(stream, "And it came to pass", {{"max_tokens", 1000000}, {"stop_at_end", 0}}) {
    queue.Submit(request);
    queue.Next();  // it runs
  }

  skein::Runtime runtime;
  skein::Model model;
  skein::Stream stream;
  skein::Queue queue;
  skein::Request request;
};

std::unique_ptr<Session> g_session;  // released by the end of the process, behind the library's exit handler

}  // namespace

// An exception fails the test. NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) {
  const std::string way = argc > 2 ? argv[2] : "";
  if (way == "static") {
    g_session = std::make_unique<Session>(argv[1]);
  } else if (way == "exit") {
    static const Session* const session = new Session(argv[1]);  // nobody releases it
    std::exit(session->queue.num_running() == 1 ? 0 : 1);
  } else if (way == "return") {
    const Session session(argv[1]);
    return 0;
  } else {
    return 2;
  }
  return 0;
}
