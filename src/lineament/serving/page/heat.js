// Draws a map of what spoke for an answer over a picture.

// Black, purple, red, orange, pale yellow: lightness rises all the way, so it also reads without
// colour vision. As `lineament.imaging.render` has it.
const STOPS = [[0, 0, 0], [84, 15, 109], [187, 55, 84], [249, 142, 9], [252, 255, 164]];
const STRENGTH = 0.55; // how much of the picture the greatest heat covers

function colour(value) {
  const at = Math.min(Math.max(value, 0), 1) * (STOPS.length - 1);
  const low = Math.min(Math.floor(at), STOPS.length - 2);
  return STOPS[low].map((level, i) => level + (at - low) * (STOPS[low + 1][i] - level));
}

// `map` has height, width, values from 0 to 1, and the window of the picture that it covers.
export function drawHeat(canvas, map) {
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  if (!map) return;
  const small = new OffscreenCanvas(map.width, map.height);
  const pixels = new ImageData(map.width, map.height);
  map.values.forEach((value, i) => {
    pixels.data.set([...colour(value), 255 * STRENGTH * value], 4 * i);
  });
  small.getContext("2d").putImageData(pixels, 0, 0);
  context.imageSmoothingQuality = "high";
  const { left, top, width, height } = map.window;
  context.drawImage(
    small,
    left * canvas.width,
    top * canvas.height,
    width * canvas.width,
    height * canvas.height,
  );
}
