// Forms that a passkey goes with: the browser makes or shows one, its answer is the field "passkey", and the form is sent.
"use strict";

const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

// What PublicKeyCredential's own parse...FromJSON and toJSON do, which browsers have since 2024 only.
function understood(options) {
  const given = { ...options, challenge: bytes(options.challenge) };
  if (options.user) given.user = { ...options.user, id: bytes(options.user.id) };
  for (const name of ["allowCredentials", "excludeCredentials"]) {
    if (options[name]) given[name] = options[name].map((one) => ({ ...one, id: bytes(one.id) }));
  }
  return given;
}

function told(credential) {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) response[name] = text(credential.response[name]);
  }
  return JSON.stringify({ id: credential.id, rawId: text(credential.rawId), type: credential.type, clientExtensionResults: {}, response });
}

async function asked(form) {
  if (form.dataset.passkey) return JSON.parse(form.dataset.passkey);
  const ours = JSON.parse(document.body.getAttribute("hx-headers") || "{}");
  const answer = await fetch(form.dataset.options, { method: "POST", body: new URLSearchParams(new FormData(form)), headers: { ...ours, "HX-Request": "true" } });
  if (answer.ok) return answer.json();
  const said = document.createElement("div");
  said.innerHTML = await answer.text();
  throw new Error(said.textContent);
}

async function show(form) {
  const failed = form.querySelector("[data-failed]");
  failed.hidden = true;
  try {
    const publicKey = understood(await asked(form));
    const make = "make" in form.dataset;
    const credential = await (make ? navigator.credentials.create({ publicKey }) : navigator.credentials.get({ publicKey }));
    form.elements.passkey.value = told(credential);
    form.requestSubmit();
  } catch (error) {
    if (error.name === "Error") failed.textContent = error.message;
    failed.hidden = false;
  }
}

function watch(form) {
  form.dataset.watched = "";
  form.addEventListener("submit", (event) => {
    if (form.elements.passkey.value) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    show(form);
  }, true);
  form.addEventListener("htmx:afterRequest", () => { form.elements.passkey.value = ""; });
  if ("atOnce" in form.dataset) show(form);
}

const FORMS = "form[data-passkey]:not([data-watched]), form[data-options]:not([data-watched])";

function ready(root) {
  if (root.matches(FORMS)) watch(root);
  for (const form of root.querySelectorAll(FORMS)) watch(form);
}

document.addEventListener("DOMContentLoaded", () => {
  ready(document.body);
  // Only what htmx has taken up: it does not send a form yet that is already on the page but not loaded.
  document.body.addEventListener("htmx:load", (event) => ready(event.detail.elt));
});
