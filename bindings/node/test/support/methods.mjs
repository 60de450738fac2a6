// The methods and getters of a class, those of what it extends too.
export function methods(type) {
  const found = new Map();
  for (let at = type.prototype; at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const [name, described] of Object.entries(Object.getOwnPropertyDescriptors(at))) {
      if (name !== 'constructor' && !found.has(name)) found.set(name, described);
    }
  }
  return found;
}
