// `weightspace/datasets`: image files and published populations of networks.

export type { ByteImages, ImageSet, NamedFile } from "../datasets/image-set.ts";
export { readIdxBytes, readIdxImages } from "../datasets/idx.ts";
export { enlargeDigits } from "../datasets/enlarge.ts";
export { imageEdits } from "../datasets/image-edits.ts";
export { packImages } from "../datasets/packed-images.ts";
export { readCifar10, type Cifar10Options } from "../datasets/cifar10.ts";
export { readCnnZoo } from "../datasets/published/cnn-zoo.ts";
export { readCheckpointFolder } from "../datasets/published/checkpoint-folder.ts";
export type { PublishedOptions, PublishedPopulation } from "../datasets/published/population.ts";
export type { NamedText } from "../datasets/published/population.ts";
