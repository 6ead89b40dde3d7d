// What the page knows: states by server-sent events, rounds and configuration by plain requests.

const LATE_MS = 15_000; // the server says something every five seconds

export async function get(path) {
  const answer = await fetch(path, { cache: "no-store" });
  const value = await answer.json();
  if (!answer.ok) throw new Error(value.error ?? answer.statusText);
  return value;
}

/**
 * Follow the server for ever. `on` has: begin(all states), states(list), round(pipeline, round),
 * reload(), link(ok, why). After each connection `reload` is called, so nothing is missed.
 */
export function follow(on) {
  let source = null;
  let heard = performance.now();
  let pause = 1000;

  const open = () => {
    heard = performance.now();
    source = new EventSource("/events");
    const listen = (name, act) =>
      source.addEventListener(name, (event) => {
        heard = performance.now();
        act(JSON.parse(event.data));
      });
    listen("hello", ({ states }) => {
      pause = 1000;
      on.link(true, "");
      on.begin(states);
      on.reload();
    });
    listen("state", (state) => on.states([state]));
    listen("round", (round) => on.round(round.pipeline, round));
    listen("reload", () => on.reload());
    listen("ping", () => on.link(true, ""));
    listen("bye", () => again("The service’s process has ended, and this page’s server with it."));
    source.onerror = () => again("The page’s server does not answer.");
  };
  const again = (why) => {
    if (source === null) return;
    source.close();
    source = null;
    on.link(false, why);
    setTimeout(open, pause);
    pause = Math.min(10_000, pause * 1.5);
  };
  setInterval(() => {
    if (source !== null && performance.now() - heard > LATE_MS) {
      again("The page’s server says nothing any more.");
    }
  }, 2000);
  open();
}
