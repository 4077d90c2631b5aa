#include "bindings/bindings.h"

PYBIND11_MODULE(_core, m) {
  m.doc() = "The compiled core of fastnlp. Import the public names from fastnlp instead.";
  fastnlp::bindings::register_support(m);
  fastnlp::bindings::register_text(m);
  fastnlp::bindings::register_tokenizers(m);
  fastnlp::bindings::register_bpe_codec(m);
  fastnlp::bindings::register_sampling(m);
  fastnlp::bindings::register_subwords(m);
  fastnlp::bindings::register_masked_lm(m);
  fastnlp::bindings::register_cooccurrence(m);
  fastnlp::bindings::register_training(m);
  fastnlp::bindings::register_glove(m);
  fastnlp::bindings::register_vectors(m);
  fastnlp::bindings::register_vector_files(m);
}
