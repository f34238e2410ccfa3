/** RWKV language models through the C ABI of libskein. */
module dev.skein {
  exports dev.skein;
}
