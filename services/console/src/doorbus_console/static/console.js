// What htmx does not do: hold to unlock, times in the viewer's zone, and saying that the console is away.
"use strict";

function local(root) {
  const page = document.documentElement.lang;
  const zone = new Intl.DateTimeFormat(navigator.languages.find((one) => one.startsWith(page)) || page, { dateStyle: "short", timeStyle: "medium" });
  for (const time of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    if (!Number.isNaN(moment.getTime())) time.textContent = zone.format(moment);
  }
  for (const input of root.querySelectorAll("input[data-utc]")) {
    const moment = new Date(input.dataset.utc);
    const shifted = new Date(moment.getTime() - moment.getTimezoneOffset() * 60000);
    input.defaultValue = shifted.toISOString().slice(0, 16);
    input.removeAttribute("data-utc");
  }
  for (const input of root.querySelectorAll("input[data-offset]")) input.value = new Date().getTimezoneOffset();
}

function holdable(button) {
  let timer = null;
  let held = false;
  const start = () => {
    if (timer !== null || button.disabled) return;
    button.classList.add("holding");
    timer = setTimeout(() => { stop(); held = true; button.form.requestSubmit(button); held = false; }, Number(button.dataset.hold));
  };
  const stop = () => { clearTimeout(timer); timer = null; button.classList.remove("holding"); };
  button.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    button.setPointerCapture(event.pointerId);  // news above the button may push it away from under a mouse
    start();
  });
  for (const name of ["pointerup", "lostpointercapture", "pointercancel", "blur", "keyup"]) button.addEventListener(name, stop);
  button.addEventListener("contextmenu", (event) => event.preventDefault());
  button.addEventListener("keydown", (event) => {
    if (event.key !== " " && event.key !== "Enter") return;
    event.preventDefault();
    if (!event.repeat) start();
  });
  button.addEventListener("click", (event) => event.preventDefault());
  button.form.addEventListener("submit", (event) => {
    if (held) return;
    event.preventDefault();  // Enter in a field opens no door
    event.stopImmediatePropagation();
  }, true);
}

// What an answer says of a door goes when it has been true and is no more.
const MEANT = { unlocked: ["unlocking", "unlocked"], locked: ["locked"] };

function outdated() {
  for (const notice of document.querySelectorAll("[data-while]")) {
    const state = notice.closest("section").querySelector(".state");
    if (state !== null && MEANT[notice.dataset.while].some((one) => state.classList.contains(one))) notice.dataset.held = "";
    else if ("held" in notice.dataset) notice.parentElement.replaceChildren();
  }
}

// What sends something cannot be pressed again before that is answered.
function busy(asked, yes) {
  const buttons = asked.matches("button") ? [asked] : asked.matches("form") ? asked.querySelectorAll("button:not([type=button])") : [];
  for (const button of buttons) button.disabled = yes;
}

// Who works by keyboard keeps the focus where htmx replaces what had it, or has it wait for an answer: its namesake has
// it then, or what stands where it stood.
const FOCUSABLE = "a[href], button, input, select, textarea, summary, [tabindex]";
let focused = null;
let byKeys = false;

const focusable = (place) => [...place.querySelectorAll(FOCUSABLE)].filter((one) => !one.disabled && one.getClientRects().length);
const nameOf = (one) => [one.tagName, ...["id", "name", "href", "hx-post", "aria-label"].map((each) => one.getAttribute(each))].join("\n");

function noted(one) {
  const around = [];
  for (let place = one.parentElement; place !== null; place = place.parentElement) around.push([place, focusable(place).indexOf(one)]);
  focused = { one, name: nameOf(one), around };
}

function refocus() {
  if (!byKeys || focused === null || document.activeElement !== document.body) return;
  const { one, name, around } = focused;
  if (one.isConnected && one.disabled) return;  // until it is answered
  const [place, at] = around.find(([each]) => each.isConnected && focusable(each).length) || [document.body, 0];
  const there = focusable(place);
  const namesakes = there.filter((each) => nameOf(each) === name);
  const same = there[Math.max(0, Math.min(at, there.length - 1))];
  const found = there.includes(one) ? one : namesakes.includes(same) ? same : namesakes[0] || same;
  if (found) found.focus({ preventScroll: found === one });
}

// A page that follows the news for days must not grow with them.
const MOST_ROWS = 200;

// What somebody has opened stays open when news replace it.
let opened = [];

// The page of faces to review, by keyboard: the card that has the focus is the one meant.
let next = null;

function reviewing(event) {
  const cards = [...document.querySelectorAll(".review")];
  if (!cards.length || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
  const at = cards.findIndex((card) => card.contains(document.activeElement));
  const key = event.key.toLowerCase();
  if (key === "j" || key === "k") cards[Math.min(cards.length - 1, Math.max(0, at + (key === "j" ? 1 : -1)))].focus();
  else if (at < 0) return;
  else if (key === "n") cards[at].querySelector("input[name=name]").focus();
  else if (key === "a" || key === "d") cards[at].querySelector(`[data-key=${key}]`).click();
  else return;
  event.preventDefault();
}

const AT_ONCE = 10;

// A folder can hold more than a request may: it is sent person by person.
async function imported(form) {
  const people = new Map();
  for (const file of form.querySelector("input").files) {
    const path = file.webkitRelativePath.split("/").slice(1);
    const name = path.length > 1 ? path.at(-2) : path[0].replace(/\.[^.]*$/, "");
    if (file.type.startsWith("image/")) people.set(name, [...(people.get(name) || []), file]);
  }
  const list = document.getElementById("imported");
  const progress = form.querySelector("progress");
  const headers = { ...JSON.parse(document.body.getAttribute("hx-headers")), "HX-Request": "true" };
  list.replaceChildren();
  progress.hidden = false;
  progress.max = people.size;
  progress.value = 0;
  for (const [name, files] of [...people].sort((one, other) => one[0].localeCompare(other[0]))) {
    list.append(Object.assign(document.createElement("dt"), { textContent: name }));
    const told = list.appendChild(document.createElement("dd"));
    for (let first = 0; first < files.length; first += AT_ONCE) {
      const body = new FormData();
      body.append("name", name);
      for (const file of files.slice(first, first + AT_ONCE)) body.append("image", file, file.name);
      const answer = await fetch(form.action, { method: "POST", headers, body }).catch(() => null);
      told.insertAdjacentHTML("beforeend", answer === null ? "" : await answer.text());
      if (answer === null) document.getElementById("offline").hidden = false;
    }
    progress.value += 1;
  }
}

function prepare(root) {
  local(root);
  outdated();
  for (const button of root.querySelectorAll("button[data-hold]:not([data-ready])")) {
    button.dataset.ready = "";
    holdable(button);
  }
  for (const select of root.querySelectorAll("select[data-everybody]")) {  // whom the page names once, not at each face
    const likely = select.value;
    select.replaceChildren(document.getElementById("everybody").content.cloneNode(true));
    select.value = likely;
    select.removeAttribute("data-everybody");
  }
  const asked = root.querySelector("[data-asks-code]");
  if (asked !== null) asked.closest(".door").querySelector("input[name=code]").focus();
}

document.addEventListener("DOMContentLoaded", () => {
  prepare(document);
  document.addEventListener("visibilitychange", () => {
    // A browser has six connections to a server: pages that nobody looks at must not hold one for each picture.
    for (const img of document.querySelectorAll(".live img")) {
      if (document.hidden) { img.dataset.src = img.src; img.removeAttribute("src"); }
      else if (img.dataset.src) img.src = img.dataset.src;
    }
  });
  const offline = document.getElementById("offline");
  const say = (gone) => { if (offline !== null) offline.hidden = !gone; };
  document.body.addEventListener("htmx:load", (event) => prepare(event.detail.elt.parentElement || event.detail.elt));
  document.body.addEventListener("htmx:sseError", async () => {
    say(true);
    const answer = await fetch("/api/v1/me").catch(() => null);
    if (answer !== null && answer.status === 401) location.assign("/login?next=" + location.pathname);  // signed out meanwhile
  });
  document.body.addEventListener("htmx:sseOpen", () => {
    if (offline !== null && !offline.hidden) {
      for (const img of document.querySelectorAll(".live img")) img.src = img.src.split("?")[0] + "?" + Date.now();
    }
    say(false);
  });
  document.body.addEventListener("htmx:sendError", () => say(true));
  document.body.addEventListener("submit", (event) => {
    if (!("folder" in event.target.dataset)) return;
    event.preventDefault();
    const button = event.target.querySelector("button");
    button.disabled = true;
    imported(event.target).finally(() => { button.disabled = false; });
  });
  document.body.addEventListener("click", (event) => {
    if (!event.target.closest("[data-copy-week]")) return;
    for (const input of event.target.closest("form").querySelectorAll("input[name^=Mo]")) {
      for (const day of ["Tu", "We", "Th", "Fr"]) input.form.elements[day + input.name.slice(2)].value = input.value;
    }
  });
  document.body.addEventListener("htmx:beforeRequest", (event) => busy(event.detail.elt, true));
  document.body.addEventListener("htmx:afterRequest", (event) => busy(event.detail.elt, false));
  document.body.addEventListener("htmx:afterRequest", (event) => {
    if ("emptied" in event.target.dataset && event.detail.successful) event.target.reset();  // codes do not stay on a page
  });
  document.body.addEventListener("keydown", reviewing);
  document.body.addEventListener("htmx:beforeRequest", (event) => {
    const card = event.target.closest(".review");
    if (card !== null) next = card.nextElementSibling || card.previousElementSibling;
  });
  document.body.addEventListener("htmx:afterRequest", () => {
    if (next !== null && next.isConnected && document.activeElement === document.body) next.focus();
    next = null;
  });
  document.addEventListener("keydown", () => { byKeys = true; }, true);
  document.addEventListener("pointerdown", () => { byKeys = false; }, true);
  document.addEventListener("focusin", (event) => noted(event.target));
  for (const name of ["htmx:afterRequest", "htmx:afterSettle", "htmx:sseMessage"]) document.body.addEventListener(name, refocus);
  document.body.addEventListener("htmx:sseMessage", (event) => {
    if (event.target.matches("tbody")) while (event.target.rows.length > MOST_ROWS) event.target.deleteRow(-1);
  });
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    opened = [...event.detail.target.querySelectorAll("details[open][id]")].map((one) => one.id);
  });
  document.body.addEventListener("htmx:afterSwap", () => {
    for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
  });
  document.body.addEventListener("dragover", (event) => { if (event.target.closest(".drop")) event.preventDefault(); });
  document.body.addEventListener("drop", (event) => {
    const place = event.target.closest(".drop");
    if (place === null) return;
    event.preventDefault();
    place.querySelector("input").files = event.dataTransfer.files;
  });
});
