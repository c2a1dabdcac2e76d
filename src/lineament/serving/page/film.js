// A camera of this device, and the frames that it gives.
import { make } from "./dom.js";
import { Problem } from "./problem.js";

const REASONS = {
  NotAllowedError: "The browser does not let this page use the camera.",
  NotFoundError: "There is no camera.",
  NotReadableError: "Another program uses the camera.",
  OverconstrainedError: "That camera is gone.",
};
const FIXES = { NotAllowedError: "Allow it in the browser's settings for this page." };

export class Film {
  constructor(video) {
    this.video = video;
    this.stream = null;
    this.canvas = make("canvas");
  }

  async start(deviceId) {
    if (!navigator.mediaDevices) {
      throw new Problem({
        detail: "Browsers give a page the camera at localhost or over HTTPS alone.",
        fix: "Open this page so, or start the service with a certificate.",
      });
    }
    const wanted = deviceId ? { deviceId: { exact: deviceId } } : { facingMode: "user" };
    try {
      const video = { ...wanted, width: { ideal: 1280 } };
      this.stream = await navigator.mediaDevices.getUserMedia({ video, audio: false });
    } catch ({ name, message }) {
      throw new Problem({ detail: REASONS[name] ?? message, fix: FIXES[name] ?? "" });
    }
    this.video.srcObject = this.stream;
    await this.video.play();
  }

  stop() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
    this.video.srcObject = null;
  }

  get isRunning() {
    return this.stream !== null && this.stream.getVideoTracks()[0].readyState === "live";
  }

  // The picture of now as a JPEG whose shorter side is at most so many pixels.
  frame(shortSidePx, quality) {
    const { videoWidth: width, videoHeight: height } = this.video;
    const scale = Math.min(1, shortSidePx / Math.min(width, height));
    this.canvas.width = Math.round(scale * width);
    this.canvas.height = Math.round(scale * height);
    const { width: wide, height: tall } = this.canvas;
    this.canvas.getContext("2d").drawImage(this.video, 0, 0, wide, tall);
    return new Promise((done) => this.canvas.toBlob(done, "image/jpeg", quality));
  }
}

// The cameras by name, which a browser tells once one may be used.
export async function cameras() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices.filter(({ kind, deviceId }) => kind === "videoinput" && deviceId);
}
