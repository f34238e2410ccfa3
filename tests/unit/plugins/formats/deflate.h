// Deflates data as other programs do, for tests.
#ifndef SKEIN_TESTS_UNIT_PLUGINS_FORMATS_DEFLATE_H_
#define SKEIN_TESTS_UNIT_PLUGINS_FORMATS_DEFLATE_H_

#include <zlib.h>

#include "tests/unit/plugins/formats/checkpoint_writer.h"

namespace skein::test {

// Without a header in front.
inline Bytes Deflated(const Bytes& plain) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY);
  Bytes deflated(deflateBound(&stream, plain.size()));
  stream.next_in = const_cast<Bytef*>(plain.data());
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = deflated.data();
  stream.avail_out = static_cast<uInt>(deflated.size());
  deflate(&stream, Z_FINISH);
  deflated.resize(stream.total_out);
  deflateEnd(&stream);
  return deflated;
}

// The options of an entry that holds Deflated(plain).
inline ZipOptions DeflatedEntry(const Bytes& plain) {
  return {.method = 8, .plain_bytes = static_cast<uint32_t>(plain.size()), .crc32 = plugin::Crc32(plain)};
}

// The same files as PthFile, all of them deflated.
inline Bytes DeflatedPthFile(const Bytes& pickle, const std::vector<Bytes>& storages) {
  ZipWriter zip;
  zip.Add("archive/data.pkl", Deflated(pickle), DeflatedEntry(pickle));
  for (size_t i = 0; i < storages.size(); ++i) {
    zip.Add("archive/data/" + std::to_string(i), Deflated(storages[i]), DeflatedEntry(storages[i]));
  }
  return zip.Finish();
}

}  // namespace skein::test

#endif  // SKEIN_TESTS_UNIT_PLUGINS_FORMATS_DEFLATE_H_
