// The formats of weight files that the package reads itself: what they are called, which files are of them, and how they
// are read. The table of the documentation is made from it.

export interface KnownFormat {
  /** The `format` of its sources. */
  readonly name: string;
  /** Which files are of it, as people know them. */
  readonly files: string;
  /** How a file is told: by its first bytes unless it says otherwise. */
  readonly toldBy: string;
  /** What is read and what is not. */
  readonly notes: string;
  /** What is in memory before a tensor is read. */
  readonly atOnce: string;
}

export const knownFormats: readonly KnownFormat[] = [
  {
    name: "safetensors",
    files: "`.safetensors`",
    toldBy: "a length and a brace",
    notes:
      "all formats of whole bytes; complex numbers and bare exponents (`F8_E8M0`) only as bytes",
    atOnce: "the header",
  },
  {
    name: "sharded safetensors",
    files: "`*.safetensors.index.json` with its shards",
    toldBy: "a brace",
    notes:
      "every tensor must be where the index says, and nowhere else; shards lie in the same folder",
    atOnce: "the index, the headers",
  },
  {
    name: "sharded pytorch",
    files: "`*.bin.index.json` with its shards",
    toldBy: "a brace",
    notes: "the same for files of PyTorch",
    atOnce: "the index, the pickles",
  },
  {
    name: "pytorch",
    files: "`.pt`, `.pth`, `.bin`, `.ckpt`: `torch.save` since 0.1.10",
    toldBy: "a zip archive with `data.pkl`, or the mark of the layout before 1.6",
    notes:
      "dicts of tensors at any depth, whole modules, arrays of NumPy; views, shared storages; nothing is executed",
    atOnce: "the pickle",
  },
  {
    name: "npz",
    files: "`.npz`",
    toldBy: "a zip archive with `.npy` files",
    notes:
      "stored or deflated, C or Fortran order, little endian; arrays of objects are refused by name",
    atOnce: "the headers",
  },
  {
    name: "npy",
    files: "`.npy`",
    toldBy: "its mark",
    notes: "one tensor with the file's name",
    atOnce: "the header",
  },
  {
    name: "gguf",
    files: "`.gguf`, versions 2 and 3",
    toldBy: "its mark",
    notes:
      "quantised blocks are multiplied out; those of rarer types are named with their shapes, and compared byte by byte; the metadata, arrays by their length",
    atOnce: "the header",
  },
  {
    name: "keras",
    files: "`.keras`; `.h5` and `.weights.h5` of Keras 2 and 3",
    toldBy:
      "a zip archive with `model.weights.h5`, or HDF5 with the groups and attributes of Keras",
    notes: "names as Keras shows them (`dense/kernel`); the state of an optimizer is left out",
    atOnce: "the structure; a packed `model.weights.h5` as a whole",
  },
  {
    name: "hdf5",
    files: "other `.h5` and `.hdf5` files",
    toldBy: "its mark",
    notes:
      "arrays by their paths: in one piece, or in chunks packed by deflate, shuffle, fletcher32; links inside the file",
    atOnce: "the structure",
  },
  {
    name: "onnx",
    files: "`.onnx`, with the files that hold its numbers",
    toldBy: "its first field, or its ending",
    notes: "initializers and arrays in Constant nodes; text is left out",
    atOnce: "the whole file",
  },
  {
    name: "parts",
    files: "a folder with `model_index.json` (diffusers)",
    toldBy: "the index",
    notes:
      "the tensors of all its models, each under the name of its part; `folder#unet` is one part",
    atOnce: "what its files need",
  },
  {
    name: "memory",
    files: "`weightsSource(weights)` in code",
    toldBy: "",
    notes: "arrays that are in memory already",
    atOnce: "the arrays",
  },
];
