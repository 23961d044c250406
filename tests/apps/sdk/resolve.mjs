// The SDK's modules name each other without an extension, which bundlers complete and Node
// does not.
export async function resolve(specifier, context, next) {
  try {
    return await next(specifier, context);
  } catch (error) {
    if (!specifier.startsWith(".")) throw error;
    for (const end of [".js", "/index.js"]) {
      try {
        return await next(specifier + end, context);
      } catch {
        // Then it is the other, or the first error says what is missing.
      }
    }
    throw error;
  }
}
