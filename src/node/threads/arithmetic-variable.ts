// Through which variable of the environment worker threads hear that arithmetic is to be plain.

export const arithmeticVariable = "WEIGHTSPACE_ARITHMETIC";
