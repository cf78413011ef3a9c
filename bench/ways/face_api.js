// face-api.js on Node (WebAssembly), as its README has it: SSD MobileNet, 68 landmarks, descriptors, distances at 0.6.
// node face_api.js ENROLLED, run in the directory where its packages are.
const { createRequire } = require('node:module');
const path = require('node:path');
const readline = require('node:readline');
const load = createRequire(path.join(process.cwd(), 'package.json'));
const tf = load('@tensorflow/tfjs');
const wasm = load('@tensorflow/tfjs-backend-wasm');
const sharp = load('sharp');
const faceapi = load('@vladmandic/face-api/dist/face-api.node-wasm.js');

const packages = path.join(process.cwd(), 'node_modules');
const models = path.join(packages, '@vladmandic/face-api/model');

async function descriptors(file) {
  const { data, info } = await sharp(file).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const picture = tf.tensor3d(data, [info.height, info.width, 3], 'int32');
  try {
    return (await faceapi.detectAllFaces(picture).withFaceLandmarks().withFaceDescriptors()).map((face) => face.descriptor);
  } finally {
    picture.dispose();
  }
}

async function main() {
  wasm.setWasmPaths(path.join(packages, '@tensorflow/tfjs-backend-wasm/dist/'));
  await tf.setBackend('wasm');
  await tf.ready();
  for (const net of ['ssdMobilenetv1', 'faceLandmark68Net', 'faceRecognitionNet']) await faceapi.nets[net].loadFromDisk(models);
  const [enrolled] = await descriptors(process.argv[2]);
  console.log(JSON.stringify({ ready: true }));
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const began = process.hrtime.bigint(), worked = process.cpuUsage();
    const found = await descriptors(line.trim());
    const who = found.some((one) => faceapi.euclideanDistance(one, enrolled) < 0.6) ? 'enrolled' : null;
    const work = process.cpuUsage(worked);
    console.log(JSON.stringify({ ms: Number(process.hrtime.bigint() - began) / 1e6, processor_ms: (work.user + work.system) / 1e3, who }));
  }
}

main();
