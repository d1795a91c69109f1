// The whole client. The server renders fragments; this puts them into Airflow's own page, in its theme.
// No build step: Airflow leaves React and its router on globalThis and imports this file as an ES module.
const { createElement: h, useEffect, useRef, useState } = globalThis.React;
const { useLocation, useNavigate } = globalThis.ReactRouterDOM;

const VIEWS = ["overview", "connections", "connection", "explore"];
const WAIT = 30000; // milliseconds after which nobody should wait any longer
const base = (address) => new URL(address, document.baseURI);

const sentence = (text) => `<div class="ul-problem" role="alert"><h2>The page could not be read</h2><p>${text}</p></div>`;

const read = async (address, leaving) => {
  const clock = AbortSignal.timeout(WAIT);
  try {
    const answer = await fetch(base(address), { signal: AbortSignal.any([clock, leaving]), redirect: "error" });
    if (answer.status === 401) return sentence("You are not signed in any more: reload the page, and sign in.");
    if (!(answer.headers.get("content-type") ?? "").startsWith("text/html")) return sentence("Airflow answered something else: reload the page.");
    return await answer.text();
  } catch (error) {
    if (leaving.aborted) return null;
    return sentence(clock.aborted ? "The server did not answer within 30 seconds: ask again, or for fewer days." : "The server cannot be reached: ask again in a minute.");
  }
};

const styles = () => {
  if (document.getElementById("usage-ledger-css")) return;
  const link = document.createElement("link");
  Object.assign(link, { id: "usage-ledger-css", rel: "stylesheet", href: base("usage-ledger/static/page.css") });
  document.head.append(link);
};

// Cards that may be slow load by themselves, each on its own.
const fill = (root, leaving) => {
  for (const card of root.querySelectorAll("[data-fragment]")) {
    read(card.dataset.fragment, leaving).then((html) => {
      if (html === null) return;
      card.innerHTML = html;
      card.removeAttribute("aria-busy");
    });
  }
};

const Fragment = ({ address }) => {
  const [html, show] = useState(null);
  const root = useRef(null);
  const go = useNavigate();
  useEffect(() => {
    styles();
    const left = new AbortController();
    show(null);
    read(address, left.signal).then((text) => { if (text !== null) show(text); });
    return () => left.abort();
  }, [address]);
  useEffect(() => {
    if (html === null) return undefined;
    const left = new AbortController();
    fill(root.current, left.signal);
    return () => left.abort();
  }, [html]);
  const follow = (place) => go("/" + place.replace(/^\/+/, ""));
  const onClick = (event) => {
    const link = event.target.closest("a[data-route]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    follow(link.getAttribute("href"));
  };
  const onSubmit = (event) => {
    const form = event.target.closest("form[data-route]");
    if (!form) return;
    event.preventDefault();
    const pairs = [...new FormData(form, event.nativeEvent.submitter)].filter(([, value]) => value !== "");
    follow(form.getAttribute("action") + "?" + new URLSearchParams(pairs));
  };
  const busy = h("p", { className: "ul-wait", role: "status" }, "Reading the warehouse …");
  if (html === null) return h("div", { className: "ul-root" }, busy);
  return h("div", { className: "ul-root", ref: root, onClick, onSubmit, dangerouslySetInnerHTML: { __html: html } });
};

const question = (pairs) => {
  const text = new URLSearchParams(pairs).toString();
  return text ? `?${text}` : "";
};

const Usage = ({ dagId, runId }) => {
  const { search } = useLocation();
  if (dagId && runId) return h(Fragment, { address: `usage-ledger/run${question({ dag_id: dagId, run_id: runId })}` });
  if (dagId) return h(Fragment, { address: `usage-ledger/dag${question({ dag_id: dagId })}` });
  const pairs = new URLSearchParams(search);
  const view = VIEWS.includes(pairs.get("view")) ? pairs.get("view") : "overview";
  pairs.delete("view");
  return h(Fragment, { address: `usage-ledger/${view}${question(pairs)}` });
};
const Panel = () => h(Fragment, { address: "usage-ledger/panel" });

globalThis["Usage"] = Usage;
globalThis["Usage today"] = Panel;
globalThis.AirflowPlugin = Usage;
