// What the file system reports, as errors that say what to do.

import { EnvironmentError } from "../core/errors.ts";

const remedies: Readonly<Record<string, string>> = {
  ENOENT: "no such file or folder; check the path",
  EACCES: "permission denied; check who may use it",
  EPERM: "the operation is not permitted there; choose another place",
  EISDIR: "it is a folder, expected a file",
  EBUSY: "it is a folder or in use; choose another name",
  ENOTDIR: "part of the path is a file, not a folder; choose another folder",
  EEXIST: "part of the path is a file, not a folder; choose another folder",
  ENOSPC: "the disk is full; free some space and run again",
  EDQUOT: "the disk quota is used up; free some space and run again",
  EFBIG: "the file is larger than the file system allows; choose another place",
  EROFS: "the file system is read-only; choose another place",
  EMFILE: "too many files are open; close some programs",
  ENAMETOOLONG: "the name is too long",
};

/** The system's error as one of ours: `cannot write out.html: the disk is full; ...`. */
export function fileError(action: string, path: string, error: unknown): EnvironmentError {
  const { code, message } = error as NodeJS.ErrnoException;
  const why = (code === undefined ? undefined : remedies[code]) ?? message;
  return new EnvironmentError(`cannot ${action} ${path}: ${why}`, { cause: error });
}
