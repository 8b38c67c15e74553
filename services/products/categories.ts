// The tree of categories, grown from the paths that live products carry: there is no other list of them.

export interface Category {
  readonly name: string;
  readonly path: string;
  /** Products in it or in a category below it: as many as `?category=` finds. */
  readonly count: number;
  readonly children: readonly Category[];
}

interface Node {
  count: number;
  readonly children: Map<string, Node>;
}

/** The tree, each level in the order of its names. */
export function categoryTree(counts: Iterable<{ readonly path: string; readonly count: number }>): readonly Category[] {
  const root: Node = { count: 0, children: new Map() };
  for (const { path, count } of counts) {
    let node = root;
    for (const name of path.split('/')) {
      let child = node.children.get(name);
      if (child === undefined) node.children.set(name, (child = { count: 0, children: new Map() }));
      child.count += count;
      node = child;
    }
  }
  return grown(root, '');
}

function grown(node: Node, above: string): readonly Category[] {
  return [...node.children]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, child]) => ({
      name,
      path: above + name,
      count: child.count,
      children: grown(child, `${above}${name}/`),
    }));
}
