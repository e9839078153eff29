// Building blocks of the pages. Text that came from outside is only ever set as textContent or as an attribute value.

/** An element: props are properties, `class`, `data`, `aria-…`, `on…` listeners; children are nodes or plain text. */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null) continue;
    if (name === "class") node.className = value;
    else if (name === "data") Object.assign(node.dataset, value);
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name.includes("-") || name === "role" || name === "for") node.setAttribute(name, value);
    else node[name] = value;
  }
  for (const child of children.flat()) {
    if (child === undefined || child === null || child === false) continue;
    node.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return node;
}

const SVG = "http://www.w3.org/2000/svg";
const PATHS = {
  play: "M8 5v14l11-7z",
  pause: "M7 5h4v14H7zM13 5h4v14h-4z",
  back: "M11 6v12l-8-6zM21 6v12l-8-6z",
  forward: "M13 6v12l8-6zM3 6v12l8-6z",
  left: "M15 5l-7 7 7 7",
  right: "M9 5l7 7-7 7",
  download: "M12 4v11m0 0l-5-5m5 5l5-5M5 20h14",
};
const STROKED = new Set(["left", "right", "download"]);

/** An icon drawn here; nothing is fetched. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "icon");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  if (STROKED.has(name)) {
    path.setAttribute("fill", "none");
    path.setAttribute("stroke", "currentColor");
    path.setAttribute("stroke-width", "2.2");
    path.setAttribute("stroke-linecap", "round");
    path.setAttribute("stroke-linejoin", "round");
  } else path.setAttribute("fill", "currentColor");
  svg.append(path);
  return svg;
}

/** The mark of the product. */
export function mark() {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 40 40");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "mark");
  const part = (tag, attributes) => {
    const node = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    svg.append(node);
  };
  const line = { "stroke-width": 3, "stroke-linecap": "round" };
  part("rect", { width: 40, height: 40, rx: 10, fill: "#0b6e75" });
  part("path", { ...line, stroke: "#ffffff", d: "M10 17v-3M16 17V9M22 17v-6M28 17v-2" });
  part("path", { ...line, stroke: "#f2b25c", d: "M10 23v3M16 23v4M22 23v9M28 23v5" });
  return svg;
}

/** Replace everything inside a node. */
export function fill(node, ...children) {
  node.replaceChildren(...children.flat().filter((c) => c !== null && c !== undefined && c !== false));
  return node;
}

/** The theme's colours for the two voices, as CSS variables of a root element. */
export function paint(root) {
  const host = root.getRootNode().host ?? root;
  const colours = getComputedStyle(host).getPropertyValue("--st-chart-categorical-colors").split(",");
  const [caller, callee, quiet, bad, good] = colours.map((c) => c.trim());
  for (const [name, value] of Object.entries({ caller, callee, quiet, bad, good }))
    if (value) root.style.setProperty(`--${name}`, value);
}
