// Plays a scenario and prints its transcript: MODEL SCENARIO_FILE TEMP_DIR. The transcript that all bindings are
// compared with.
#include <cstdio>
#include <exception>
#include <fstream>
#include <string>

#include "cpp/player.h"

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: %s MODEL SCENARIO_FILE TEMP_DIR\n", argv[0]);
    return 2;
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  std::ifstream file(argv[2]);
  if (!file) {
    std::fprintf(stderr, "%s: cannot be opened\n", argv[2]);
    return 2;
  }
  try {
    scenario::Player player(argv[0], argv[1], argv[2], argv[3]);
    for (std::string line; std::getline(file, line);) {
      if (!player.Play(line)) return 1;
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
