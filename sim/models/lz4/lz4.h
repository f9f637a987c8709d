// Verilator's FST writer needs liblz4. This stands in where that is not installed: blocks of
// literals alone, which every LZ4 reader takes, and which compress nothing.
// Format: https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md
#ifndef SPIKELOOM_LZ4_H
#define SPIKELOOM_LZ4_H

#include <cstring>

inline int LZ4_compressBound(int size) { return size + size / 255 + 16; }

inline int LZ4_compress_default(const char* source, char* block, int size, int) {
  char* out = block;
  *out++ = static_cast<char>((size < 15 ? size : 15) << 4);
  if (size >= 15) {
    int rest = size - 15;
    for (; rest >= 255; rest -= 255) *out++ = static_cast<char>(255);
    *out++ = static_cast<char>(rest);
  }
  std::memcpy(out, source, size);
  return static_cast<int>(out - block) + size;
}

#endif
