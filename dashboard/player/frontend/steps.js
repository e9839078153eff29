// The browser's way back. Streamlit makes two entries in the history when it goes to another page with another query:
// the old page with the new query first. Nobody has seen that one, so the new page takes its place.

const ANSWER_MS = 5000; // a message to a server that restarts is lost: then the address is opened instead
let end = () => {};
let late;

/** Streamlit was asked for another page: open its address when nothing comes of that. */
export function orElse(address) {
  clearTimeout(late);
  late = setTimeout(() => location.assign(address), ANSWER_MS);
}

/** The other page is there. */
export function arrived() {
  clearTimeout(late);
}

/** Call before asking Streamlit for another page. Ends with the change of the path, or after some seconds. */
export function oneStep(limitMs = 5000) {
  end();
  const from = location.pathname;
  let pushed = false;
  history.pushState = (state, title, address) => {
    if (pushed) history.replaceState(state, title, address);
    else History.prototype.pushState.call(history, state, title, address);
    pushed = true;
    if (location.pathname !== from) end();
  };
  const timer = setTimeout(() => end(), limitMs);
  end = () => {
    clearTimeout(timer);
    delete history.pushState;
    end = () => {};
  };
}
