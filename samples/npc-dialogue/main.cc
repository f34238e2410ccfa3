// Characters of a game who talk: npc-dialogue MODEL [CHARACTERS [FRAMES [BUDGET_MS]]]. All of them know one world,
// which the model reads once: a prefix object, from whose state every character's stream starts. A loop of 60 frames a
// second gives them a slice of each frame: they write only in it, because a request with a window waits until its
// tokens are acknowledged. A character who is spoken to again remembers what was said; one who is left ends in the
// middle.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "skein/skein.hpp"

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;

constexpr microseconds kFrame{16667};
constexpr int kFramesBetweenGreetings = 3;
constexpr char kWorld[] =
    "This is the book of the village by the river. In the village dwelt a shepherd, a smith, a fisher, a baker, a "
    "scribe and a king. And when a stranger came and spake unto them, they answered him in few words.\n";
constexpr const char* kTrades[] = {"shepherd", "smith", "fisher", "baker", "scribe", "king"};
constexpr const char* kQuestions[] = {"Whence comest thou?", "What is thy name?", "Where is the river?",
                                      "What shall I do?"};

struct Character {
  std::string name;
  skein::Stream stream;    // the world, and what was said to this one
  skein::Request request;  // while it talks
  std::string line;
  bool talking = false;
  bool waiting = false;  // has a token that is not acknowledged yet
  int num_greetings = 0;
};

// The cost of the frames.
struct Figures {
  std::vector<double> slice_ms;
  uint64_t num_tokens = 0, num_lines = 0, num_left = 0;
};

class Village {
 public:
  Village(const char* model_path, uint32_t num_characters, microseconds budget)
      : model_(runtime_, model_path,
               {{"max_streams", num_characters + 1}, {"max_batch_streams", 8}, {"max_batch_tokens", 24}}),
        budget_(budget),
        characters_(num_characters) {
    const skein::Stream reader(model_);
    skein::Eval(model_, reader, model_.GetTokenizer().Encode(kWorld), SKEIN_OUTPUT_NONE);
    const skein::Prefix world(reader, "village", "samples/npc-dialogue");
    for (size_t i = 0; i < characters_.size(); ++i) {
      characters_[i].name = kTrades[i % std::size(kTrades)];
      characters_[i].stream = world.Start();
    }
  }

  // Runs the game. In a real one the rest of each frame is for everything else.
  Figures Play(int num_frames) {
    Clock::time_point next_frame = Clock::now();
    for (int frame = 0; frame < num_frames; ++frame) {
      if (frame % kFramesBetweenGreetings == 0) GreetNext();
      const Clock::time_point start = Clock::now();
      TalkUntil(start + budget_);
      figures_.slice_ms.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
      next_frame += kFrame;
      std::this_thread::sleep_until(next_frame);
    }
    return figures_;
  }

 private:
  // The player walks on to the next character.
  void GreetNext() {
    Character& character = characters_[num_greetings_++ % characters_.size()];
    if (character.talking) {
      character.request.Cancel();  // its stream stays behind the last word
      return;
    }
    const char* question = kQuestions[character.num_greetings++ % std::size(kQuestions)];
    const std::string prompt =
        "And the stranger said unto the " + character.name + ", " + question + " And he answered,";
    character.request = skein::Request(
        character.stream, prompt, {{"max_tokens", 60}, {"temperature", 0.7}, {"seed", num_greetings_}, {"window", 1}});
    for (const char* end : {".", "?", "\n"}) character.request.AddStop(end);
    character.request.SetUserData(static_cast<uint64_t>(&character - characters_.data()));
    queue_.Submit(character.request);
    character.talking = true;
  }

  // The slice of a frame: lets everybody go on who waits, until the time is over.
  void TalkUntil(Clock::time_point end) {
    for (Character& character : characters_) GoOn(character);
    while (queue_.num_running() > 0) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
      if (left.count() <= 0 || !queue_.Wait(left)) return;
      for (const skein::Event& event : queue_.Poll()) Take(event);
      if (Clock::now() >= end) return;
      for (Character& character : characters_) GoOn(character);
    }
  }

  void GoOn(Character& character) {
    if (character.waiting) character.request.Acknowledge(1);
    character.waiting = false;
  }

  void Take(const skein::Event& event) {
    event.ThrowIfError();
    Character& character = characters_[event.user_data];
    character.line += event.text();
    if (event.is_token()) {
      character.waiting = true;
      ++figures_.num_tokens;
      return;
    }
    const bool left = event.kind == SKEIN_EVENT_CANCELLED;
    const char* end = left ? " ... (you walk on)" : event.reason == SKEIN_REASON_LENGTH ? " ..." : ".";
    std::printf("%-8s %s%s\n", character.name.c_str(), character.line.c_str(), end);
    figures_.num_left += left ? 1 : 0;
    ++figures_.num_lines;
    character.line.clear();
    character.talking = character.waiting = false;
  }

  skein::Runtime runtime_;
  skein::Model model_;
  skein::Queue queue_{runtime_};
  const microseconds budget_;
  std::vector<Character> characters_;
  size_t num_greetings_ = 0;
  Figures figures_;
};

void Print(Figures figures, microseconds budget) {
  std::sort(figures.slice_ms.begin(), figures.slice_ms.end());
  const size_t count = figures.slice_ms.size();
  std::printf("%zu frames, %llu lines (%llu left in the middle), %llu tokens\n", count,
              static_cast<unsigned long long>(figures.num_lines), static_cast<unsigned long long>(figures.num_left),
              static_cast<unsigned long long>(figures.num_tokens));
  std::printf("of each frame, talk took %.2f ms (median), %.2f ms (99 of 100), %.2f ms (most); the budget is %.2f ms\n",
              figures.slice_ms[count / 2], figures.slice_ms[count * 99 / 100], figures.slice_ms.back(),
              std::chrono::duration<double, std::milli>(budget).count());
}

}  // namespace

int main(int argc, char** argv) {
  const int num_characters = argc > 2 ? std::atoi(argv[2]) : 6;
  const int num_frames = argc > 3 ? std::atoi(argv[3]) : 600;
  const double budget_ms = argc > 4 ? std::atof(argv[4]) : 4;
  if (argc < 2 || argc > 5 || num_characters < 1 || num_frames < 1 || budget_ms <= 0) {
    std::fprintf(stderr, "usage: npc-dialogue MODEL [CHARACTERS [FRAMES [BUDGET_MS]]]\n");
    return 2;
  }
  try {
    const microseconds budget(static_cast<int64_t>(budget_ms * 1000));
    Village village(argv[1], static_cast<uint32_t>(num_characters), budget);
    Print(village.Play(num_frames), budget);
  } catch (const skein::Error& error) {
    std::fprintf(stderr, "npc-dialogue: %s: %s\n", error.code_name(), error.what());
    return 1;
  }
  return 0;
}
