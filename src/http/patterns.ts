import type { Method, Route } from './routes.ts';

/** A route whose path is a pattern. */
export type PatternRoute = Route & { readonly path: RegExp };

/** A route and what its named groups hold, or the methods that would have been answered there. */
export type Match =
  | { readonly route: Route; readonly params: Record<string, string> }
  | { readonly route?: never; readonly allowed: readonly Method[] };

export function isPattern(route: Route): route is PatternRoute {
  return route.path instanceof RegExp;
}

/**
 * Finds the first pattern that takes the path with that method. A general router would try every pattern on every path;
 * with names that hold slashes that was a quarter of what a manifest GET cost (docs/decisions/004).
 */
export function matchPattern(routes: readonly PatternRoute[], method: string, path: string): Match {
  const wanted = method === 'HEAD' ? 'GET' : method;
  const allowed: Method[] = [];
  for (const route of routes) {
    // The method first: it spares most patterns the look.
    if (route.method !== wanted) continue;
    const found = route.path.exec(path);
    if (found !== null) return { route, params: decodedAll(found.groups ?? {}) };
  }
  for (const route of routes) if (route.path.test(path)) allowed.push(route.method);
  return { allowed };
}

function decodedAll(groups: Record<string, string>): Record<string, string> {
  const params: Record<string, string> = {};
  for (const name in groups) params[name] = decoded(groups[name] ?? '');
  return params;
}

/** Clients may escape the colon of a digest. What is escaped wrongly stays as it is, and no name or digest looks like it. */
function decoded(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
