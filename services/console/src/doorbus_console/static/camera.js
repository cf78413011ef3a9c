// Enrols from the camera of this device: takes pictures while the console says what helps, and hands the best to the form.
"use strict";

const SHOTS = 3;
const OF_EACH = 3;  // of so many good pictures of a pose the best is taken
const PAUSE = 300;
const PATIENCE = 4000;  // who does not turn the head after so long is taken as they are
const WIDEST = 960;

const pause = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

function taken(video) {
  const scale = Math.min(1, WIDEST / video.videoWidth);
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(video.videoWidth * scale);
  canvas.height = Math.round(video.videoHeight * scale);
  canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => { canvas.toBlob(resolve, "image/jpeg", 0.92); });
}

async function judged(picture, before, silent) {
  const ours = JSON.parse(document.body.getAttribute("hx-headers"));
  const query = new URLSearchParams(before.map((yaw) => ["before", yaw]));
  const headers = { ...ours, "HX-Request": "true", "Content-Type": "image/jpeg" };
  const answer = await fetch(`/enrol/look?${query}`, { method: "POST", body: picture, headers }).catch(() => null);
  if (answer === null) return { hint: silent, used: false };
  if (answer.ok) return answer.json();
  const said = new DOMParser().parseFromString(await answer.text(), "text/html").body.textContent;
  return { hint: said, used: false };
}

async function sat(box, video, running) {
  const told = box.querySelector("[data-said]");
  const best = [];
  while (best.length < SHOTS && running()) {
    box.querySelector("[data-taken]").textContent = box.dataset.progress.replace("{taken}", best.length).replace("{asked}", SHOTS);
    const good = [];
    const since = Date.now();
    while (good.length < OF_EACH && running()) {
      const picture = await taken(video);
      const pose = await judged(picture, best.map((one) => one.yaw), box.dataset.silent);
      told.textContent = pose.hint;
      if (pose.used && (pose.fresh || Date.now() - since > PATIENCE)) good.push({ picture, ...pose });
      else if (good.length) break;
      await pause(PAUSE);
    }
    if (good.length && running()) best.push(good.reduce((one, other) => (other.quality > one.quality ? other : one)));
  }
  return best;
}

function hand(form, best) {
  const files = new DataTransfer();
  best.forEach((one, number) => files.items.add(new File([one.picture], `${number + 1}.jpg`, { type: "image/jpeg" })));
  form.querySelector(".drop input").files = files.files;
  form.requestSubmit();
}

async function enrol(box) {
  const [start, shown, video, failed] = ["[data-start]", "[data-shown]", "video", "[data-failed]"].map((one) => box.querySelector(one));
  const form = box.closest("form");
  if (!form.reportValidity()) return;
  let stopped = false;
  const stop = () => { stopped = true; };
  const hidden = () => { if (document.hidden) stop(); };
  failed.hidden = true;
  start.disabled = true;
  let stream = null;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: { facingMode: "user", width: { ideal: 1280 } } });
    video.srcObject = stream;
    shown.hidden = false;
    await video.play();
    shown.scrollIntoView({ block: "nearest" });
    box.querySelector("[data-stop]").addEventListener("click", stop);
    document.addEventListener("visibilitychange", hidden);
    const best = await sat(box, video, () => !stopped && stream.active);
    if (best.length === SHOTS) {
      failed.classList.remove("bad");
      failed.textContent = box.dataset.enough;
      failed.hidden = false;
      hand(form, best);
    }
  } catch {
    failed.classList.add("bad");
    failed.textContent = box.dataset.refused;
    failed.hidden = false;
  } finally {
    document.removeEventListener("visibilitychange", hidden);
    for (const track of stream === null ? [] : stream.getTracks()) track.stop();
    video.srcObject = null;
    shown.hidden = true;
    start.disabled = false;
  }
}

function offer() {
  for (const box of document.querySelectorAll("[data-own-camera]:not([data-offered])")) {
    box.dataset.offered = "";
    const there = window.isSecureContext && navigator.mediaDevices;
    box.querySelector(there ? "[data-start]" : "[data-insecure]").hidden = false;
    box.querySelector("[data-fallback]").hidden = Boolean(there);
    box.querySelector("[data-start]").addEventListener("click", () => enrol(box));
    box.closest("form").addEventListener("htmx:afterRequest", (event) => {
      if (event.target !== event.currentTarget || !event.detail.successful) return;
      box.querySelector("[data-failed]").hidden = true;
      for (const input of event.currentTarget.querySelectorAll("input[type=file]")) input.value = "";
    });
  }
}

document.addEventListener("DOMContentLoaded", () => {
  offer();
  document.body.addEventListener("htmx:load", offer);
});
