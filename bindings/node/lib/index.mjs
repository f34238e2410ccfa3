// The same for `import`.
import skein from './index.js';

export const {
  Event,
  Generation,
  Model,
  Options,
  Prefix,
  Queue,
  Request,
  Runtime,
  SkeinError,
  Status,
  Stream,
  Tokenizer,
  borrow,
  describeSnapshot,
  optionKeys,
  statusName,
  version,
} = skein;
export default skein;
