/**
 * Pictures drawn once and used every frame: glows, stars, nebulae.
 * @module
 */

/** @type {Map<string, HTMLCanvasElement>} */
const glows = new Map();

/**
 * @param {number} width
 * @param {number} height
 * @param {(context: CanvasRenderingContext2D) => void} draw
 */
function picture(width, height, draw) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  draw(/** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")));
  return canvas;
}

/**
 * A soft light of 128 × 128 pixels.
 * @param {number} hue Degrees.
 * @param {number} [lightness] Percent.
 */
export function glow(hue, lightness = 60) {
  // Sixty hues are as many as anyone can tell apart.
  const key = `${Math.round(hue / 6)}:${lightness}`;
  let sprite = glows.get(key);
  if (!sprite) {
    sprite = picture(128, 128, (context) => {
      const light = context.createRadialGradient(64, 64, 0, 64, 64, 64);
      light.addColorStop(0, `hsl(${hue} 100% ${lightness}% / 0.9)`);
      light.addColorStop(0.25, `hsl(${hue} 100% ${lightness}% / 0.35)`);
      light.addColorStop(1, `hsl(${hue} 100% ${lightness}% / 0)`);
      context.fillStyle = light;
      context.fillRect(0, 0, 128, 128);
    });
    glows.set(key, sprite);
  }
  return sprite;
}

/** Numbers from 0 to 1 that are the same every time. @param {number} seed */
export function noise(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) | 0;
    return ((state ^ (state >>> 13)) >>> 0) / 2 ** 32;
  };
}

/**
 * A tile of stars, from far and many to near and few.
 * @param {number} layer 0, 1 or 2.
 */
export function stars(layer) {
  const random = noise(layer * 977 + 5);
  return picture(512, 512, (context) => {
    for (let star = 0; star < [150, 70, 26][layer]; star++) {
      const size = (0.5 + random() * 0.9) * (1 + layer * 0.45);
      context.fillStyle = `hsl(${200 + random() * 60} 80% ${72 + random() * 25}% / ${0.25 + random() * 0.6})`;
      context.beginPath();
      context.arc(random() * 512, random() * 512, size, 0, 7);
      context.fill();
    }
  });
}

/** A tile of faint clouds, 1,024 pixels wide and high. */
export function clouds() {
  const random = noise(42);
  return picture(1024, 1024, (context) => {
    for (let cloud = 0; cloud < 16; cloud++) {
      const [x, y, size] = [random() * 1024, random() * 1024, 160 + random() * 240];
      const hue = [225, 265, 195, 305][cloud % 4];
      // Clouds at an edge go on at the other.
      for (const dx of [-1024, 0, 1024]) {
        for (const dy of [-1024, 0, 1024]) {
          const light = context.createRadialGradient(x + dx, y + dy, 0, x + dx, y + dy, size);
          light.addColorStop(0, `hsl(${hue} 90% 45% / 0.10)`);
          light.addColorStop(1, `hsl(${hue} 90% 45% / 0)`);
          context.fillStyle = light;
          context.fillRect(0, 0, 1024, 1024);
        }
      }
    }
  });
}

/**
 * The outline of a rock of radius 1, always the same for a slot.
 * @param {number} slot
 */
export function rockOutline(slot) {
  const random = noise(slot * 7919 + 3);
  return Array.from({ length: 11 }, (_, corner) => {
    const angle = ((corner + random() * 0.5) / 11) * 2 * Math.PI;
    const radius = 0.8 + random() * 0.26;
    return { x: Math.cos(angle) * radius, y: Math.sin(angle) * radius };
  });
}
