// What a person would see as wrong in the part of the page that a selector names: a list of sentences.
(within) => {
  const root = document.querySelector(within);
  if (!root) return [`nothing is ${within}`];
  const LEAST = 2; // pixels below which nobody sees it
  const wrong = [];
  const page = document.documentElement;
  if (page.scrollWidth > page.clientWidth + 1) wrong.push(`the page is ${page.scrollWidth} wide in a window of ${page.clientWidth}`);
  if (root.scrollWidth > root.clientWidth + 1) wrong.push(`${within} is ${root.scrollWidth} wide in a place of ${root.clientWidth}`);

  // What of a rectangle is left within the edges that its ancestors cut or scroll at.
  const edges = (element) => {
    const all = { left: -Infinity, right: Infinity, top: -Infinity, bottom: Infinity };
    const box = { ...all, cut: { ...all } }; // what is seen; and, up to the first that scrolls, what can be seen at all
    let scrolls = false;
    const narrow = (what, inner) => { [what.left, what.right] = [Math.max(what.left, inner.left), Math.min(what.right, inner.right)]; };
    const flatten = (what, inner) => { [what.top, what.bottom] = [Math.max(what.top, inner.top), Math.min(what.bottom, inner.bottom)]; };
    for (let one = element; one && one !== root.parentElement; one = one.parentElement) {
      const style = getComputedStyle(one);
      const inner = one.getBoundingClientRect();
      const svg = one instanceof SVGSVGElement;
      if (svg || style.overflowX !== "visible") narrow(box, inner);
      if (one !== root && (svg || style.overflowY !== "visible")) flatten(box, inner);
      scrolls ||= [style.overflowX, style.overflowY].some((way) => ["auto", "scroll"].includes(way));
      if (!scrolls && (svg || ["hidden", "clip"].includes(style.overflowX))) narrow(box.cut, inner);
      if (!scrolls && (svg || ["hidden", "clip"].includes(style.overflowY))) flatten(box.cut, inner);
    }
    return box;
  };
  const known = new Map();
  const texts = [];
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const text = node.data.trim();
    const element = node.parentElement;
    if (!text || !element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    if (!known.has(element)) known.set(element, edges(element));
    const box = known.get(element);
    const hidden = box.right - box.left <= 1 || box.bottom - box.top <= 1; // for readers of the screen alone
    if (hidden) continue;
    range.selectNodeContents(node);
    for (const rect of range.getClientRects()) {
      const { cut } = box;
      const outside = Math.max(cut.left - rect.left, rect.right - cut.right, cut.top - rect.top, rect.bottom - cut.bottom);
      if (outside > LEAST) wrong.push(`cut by ${Math.round(outside)} px: "${text.slice(0, 60)}"`);
      const seen = { left: Math.max(rect.left, box.left), right: Math.min(rect.right, box.right), top: Math.max(rect.top, box.top), bottom: Math.min(rect.bottom, box.bottom) };
      if (seen.right - seen.left > LEAST && seen.bottom - seen.top > LEAST) texts.push({ ...seen, text, node });
    }
  }
  texts.sort((a, b) => a.top - b.top);
  for (let i = 0; i < texts.length; i += 1) {
    for (let j = i + 1; j < texts.length && texts[j].top < texts[i].bottom - LEAST; j += 1) {
      const [a, b] = [texts[i], texts[j]];
      const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const high = Math.min(a.bottom, b.bottom) - b.top;
      if (a.node !== b.node && wide > LEAST && high > LEAST) wrong.push(`"${a.text.slice(0, 60)}" lies over "${b.text.slice(0, 60)}"`);
    }
  }
  return [...new Set(wrong)];
}
