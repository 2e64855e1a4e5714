// Draws the body of #volume-data into #volume-canvas: its outer surface without the corner above the
// three cuts, and the field on the three faces of that corner. Drag or arrow keys turn it.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("volume-data").textContent);
  const canvas = document.getElementById("volume-canvas");
  const gl = canvas.getContext("webgl2", {antialias: true});
  if (!gl) return;  // the pictures of the page show the same on planes
  document.getElementById("volume").hidden = false;
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const span = data.upper.map((high, k) => high - data.lower[k]);
  const side = Math.max(...span), size = span.map((s) => s / side);

  const vertex = `#version 300 es
    in vec3 place; in float value; uniform mat4 view; out vec3 at; out float shade;
    void main() { at = place; shade = value; gl_Position = view * vec4(place, 1.0); }`;
  const fragment = `#version 300 es
    precision highp float; precision highp sampler3D;
    in vec3 at; in float shade; out vec4 colour;
    uniform vec3 cut, size; uniform int section; uniform sampler3D grid; uniform sampler2D colours;
    void main() {
      float value = shade;
      if (section == 0) {
        if (all(greaterThan(at, cut))) discard;
      } else {
        if (any(lessThan(at, cut - 1e-5))) discard;
        vec2 cell = texture(grid, at / size).rg;
        if (cell.g < 0.5) discard;
        value = cell.r;
      }
      vec3 normal = normalize(cross(dFdx(at), dFdy(at)));
      float light = section == 0 ? 0.9 + 0.1 * abs(normal.z) : 1.0;
      colour = vec4(texture(colours, vec2((value * 255.0 + 0.5) / 256.0, 0.5)).rgb * light, 1.0);
    }`;
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  gl.useProgram(program);
  const uniform = (name) => gl.getUniformLocation(program, name);
  const place = gl.getAttribLocation(program, "place"), value = gl.getAttribLocation(program, "value");

  const buffer = (target, array) => {
    const made = gl.createBuffer();
    gl.bindBuffer(target, made);
    gl.bufferData(target, array, gl.STATIC_DRAW);
    return made;
  };
  const points = buffer(gl.ARRAY_BUFFER, bytes(data.points));
  const triangles = bytes(data.triangles);
  const indices = buffer(gl.ELEMENT_ARRAY_BUFFER, triangles);
  const values = gl.createBuffer(), faces = gl.createBuffer();
  const texture = (unit, target) => {
    gl.activeTexture(gl.TEXTURE0 + unit);
    gl.bindTexture(target, gl.createTexture());
    for (const key of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T, gl.TEXTURE_WRAP_R])
      gl.texParameteri(target, key, gl.CLAMP_TO_EDGE);
    gl.texParameteri(target, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
    gl.texParameteri(target, gl.TEXTURE_MAG_FILTER, gl.LINEAR);
  };
  gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  texture(0, gl.TEXTURE_3D);
  texture(1, gl.TEXTURE_2D);
  gl.uniform1i(uniform("grid"), 0);
  gl.uniform1i(uniform("colours"), 1);
  gl.uniform3fv(uniform("size"), size);
  const inside = bytes(data.inside);

  const state = {turn: 2.2, tilt: 0.5, zoom: 1, cut: size.map((s) => s / 2)};
  const choose = (field) => {
    gl.bindBuffer(gl.ARRAY_BUFFER, values);
    gl.bufferData(gl.ARRAY_BUFFER, bytes(field.surface), gl.STATIC_DRAW);
    const grid = bytes(field.grid), pairs = new Uint8Array(2 * grid.length);
    grid.forEach((v, k) => { pairs[2 * k] = v; pairs[2 * k + 1] = inside[k]; });
    gl.activeTexture(gl.TEXTURE0);
    gl.texImage3D(gl.TEXTURE_3D, 0, gl.RG8, ...data.counts, 0, gl.RG, gl.UNSIGNED_BYTE, pairs);
    const map = bytes(field.colours);
    gl.activeTexture(gl.TEXTURE1);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB8, 256, 1, 0, gl.RGB, gl.UNSIGNED_BYTE, map);
    const stops = Array.from({length: 17}, (_, k) => {
      const at = 3 * Math.min(255, 16 * k);
      return `rgb(${map[at]},${map[at + 1]},${map[at + 2]})`;
    });
    document.getElementById("volume-bar").style.background = `linear-gradient(to right,${stops})`;
    document.getElementById("volume-low").textContent = field.range[0].toPrecision(4);
    document.getElementById("volume-high").textContent = field.range[1].toPrecision(4);
    document.getElementById("volume-name").textContent = field.name;
    draw();
  };

  const view = () => {
    const [a, b] = [state.turn, state.tilt], width = canvas.width / canvas.height;
    const scale = 2 * state.zoom / Math.hypot(...size);
    const rows = [
      [Math.cos(a), Math.sin(a), 0],
      [-Math.sin(a) * Math.sin(b), Math.cos(a) * Math.sin(b), Math.cos(b)],
      [-Math.sin(a) * Math.cos(b), Math.cos(a) * Math.cos(b), -Math.sin(b)],
    ].map((row, k) => row.map((c) => c * scale / (k === 0 ? width : 1) * (k === 2 ? 0.5 : 1)));
    const shift = rows.map((row) => -row.reduce((sum, c, k) => sum + c * size[k] / 2, 0));
    const matrix = [];
    for (let k = 0; k < 3; k++) matrix.push(rows[0][k], rows[1][k], rows[2][k], 0);
    return new Float32Array([...matrix, ...shift, 1]);
  };
  const sections = () => {
    const [lx, ly, lz] = state.cut, [hx, hy, hz] = size;
    const quad = (p, q, r, s) => [...p, ...q, ...r, ...p, ...r, ...s];
    return new Float32Array([
      ...quad([lx, ly, lz], [lx, hy, lz], [lx, hy, hz], [lx, ly, hz]),
      ...quad([lx, ly, lz], [hx, ly, lz], [hx, ly, hz], [lx, ly, hz]),
      ...quad([lx, ly, lz], [hx, ly, lz], [hx, hy, lz], [lx, hy, lz]),
    ]);
  };
  function draw() {
    const ratio = window.devicePixelRatio || 1;
    canvas.width = canvas.clientWidth * ratio;
    canvas.height = canvas.clientHeight * ratio;
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.enable(gl.DEPTH_TEST);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.uniformMatrix4fv(uniform("view"), false, view());
    gl.uniform3fv(uniform("cut"), state.cut);
    gl.uniform1i(uniform("section"), 0);
    gl.bindBuffer(gl.ARRAY_BUFFER, points);
    gl.enableVertexAttribArray(place);
    gl.vertexAttribPointer(place, 3, gl.UNSIGNED_SHORT, true, 0, 0);
    gl.bindBuffer(gl.ARRAY_BUFFER, values);
    gl.enableVertexAttribArray(value);
    gl.vertexAttribPointer(value, 1, gl.UNSIGNED_BYTE, true, 0, 0);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, indices);
    gl.drawElements(gl.TRIANGLES, triangles.length / 4, gl.UNSIGNED_INT, 0);
    gl.uniform1i(uniform("section"), 1);
    gl.disableVertexAttribArray(value);
    gl.bindBuffer(gl.ARRAY_BUFFER, faces);
    gl.bufferData(gl.ARRAY_BUFFER, sections(), gl.DYNAMIC_DRAW);
    gl.vertexAttribPointer(place, 3, gl.FLOAT, false, 0, 0);
    gl.drawArrays(gl.TRIANGLES, 0, 18);
  }

  const turn = (dx, dy) => {
    state.turn += dx;
    state.tilt = Math.max(-1.57, Math.min(1.57, state.tilt + dy));
    draw();
  };
  let last = null;
  canvas.addEventListener("pointerdown", (event) => {
    last = [event.clientX, event.clientY];
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!last) return;
    turn((event.clientX - last[0]) / 150, (event.clientY - last[1]) / 150);
    last = [event.clientX, event.clientY];
  });
  canvas.addEventListener("pointerup", () => { last = null; });
  canvas.addEventListener("keydown", (event) => {
    const step = {ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1]};
    const zoom = {"+": 1.1, "-": 1 / 1.1}[event.key];
    if (zoom) { state.zoom *= zoom; draw(); }
    if (!step[event.key]) return;
    event.preventDefault();
    turn(...step[event.key]);
  });
  data.axes.forEach((name, k) => {
    const slider = document.getElementById(`volume-cut-${k}`);
    const told = document.getElementById(`volume-at-${k}`);
    const move = () => {
      const share = slider.value / slider.max;
      state.cut[k] = share * size[k];
      told.textContent = (data.lower[k] + share * span[k]).toPrecision(3);
      draw();
    };
    slider.addEventListener("input", move);
    move();
  });
  const list = document.getElementById("volume-field");
  list.addEventListener("change", () => choose(data.fields[list.selectedIndex]));
  window.addEventListener("resize", draw);
  choose(data.fields[0]);
})();
