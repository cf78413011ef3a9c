// An ESP32-CAM (AI-Thinker) as a camera of doorbus: sends five JPEGs a second to the frame topic. The white LED is on while
// the door is open; the red one blinks when somebody was refused.
//
// Board: AI Thinker ESP32-CAM (esp32 by Espressif). Libraries: PubSubClient 2.8, ArduinoJson 7.
// Its user, for this camera only: doorbus secrets add esp-porch --role capture --door front --camera porch

#include <ArduinoJson.h>
#include <PubSubClient.h>
#include <WiFi.h>
#include <WiFiClientSecure.h>
#include <esp_camera.h>

const char *WIFI_SSID = "...";
const char *WIFI_PASSWORD = "...";
const char *BROKER = "broker.local";  // one of the names in the broker's certificate
const char *USER = "esp-porch";
const char *PASSWORD = "...";         // var/secrets/users/esp-porch
const char *CA = R"(
-----BEGIN CERTIFICATE-----
the text of var/secrets/ca.crt
-----END CERTIFICATE-----
)";

const char *FRAME = "doorbus/v1/door/front/frame/porch";
const char *STATE = "doorbus/v1/door/front/lock/state";
const char *DECISION = "doorbus/v1/door/front/decision";

const unsigned long INTERVAL_MS = 200;
const unsigned long BLINK_MS = 600;
const int WHITE = 4;
const int RED = 33;       // on when low
const size_t PIECE = 1024;

WiFiClientSecure secure;
PubSubClient mqtt(secure);
unsigned long shown_at = 0;
unsigned long sent_at = 0;
unsigned long tried_at = 0;

void heard(char *topic, byte *payload, unsigned int length) {
  if (strcmp(topic, STATE) == 0) {
    digitalWrite(WHITE, length == 8 && memcmp(payload, "UNLOCKED", 8) == 0);
    return;
  }
  JsonDocument decision;
  if (deserializeJson(decision, payload, length)) return;
  if (decision["outcome"] == "denied") {
    digitalWrite(RED, LOW);
    shown_at = millis();
  }
}

void start_camera() {
  camera_config_t config = {};
  config.pin_pwdn = 32;
  config.pin_reset = -1;
  config.pin_xclk = 0;
  config.pin_sccb_sda = 26;
  config.pin_sccb_scl = 27;
  config.pin_d7 = 35;
  config.pin_d6 = 34;
  config.pin_d5 = 39;
  config.pin_d4 = 36;
  config.pin_d3 = 21;
  config.pin_d2 = 19;
  config.pin_d1 = 18;
  config.pin_d0 = 5;
  config.pin_vsync = 25;
  config.pin_href = 23;
  config.pin_pclk = 22;
  config.xclk_freq_hz = 20000000;
  config.ledc_timer = LEDC_TIMER_0;
  config.ledc_channel = LEDC_CHANNEL_0;
  config.pixel_format = PIXFORMAT_JPEG;
  config.frame_size = FRAMESIZE_VGA;
  config.jpeg_quality = 12;
  config.fb_count = 2;
  config.fb_location = CAMERA_FB_IN_PSRAM;
  config.grab_mode = CAMERA_GRAB_LATEST;  // a picture that waited in a buffer would count as one of now
  if (esp_camera_init(&config) != ESP_OK) ESP.restart();
}

void connect() {
  if (millis() - tried_at < 2000) return;
  tried_at = millis();
  String id = String("esp-porch-") + String(esp_random(), HEX);
  if (!mqtt.connect(id.c_str(), USER, PASSWORD)) {
    Serial.printf("broker %s: state %d\n", BROKER, mqtt.state());
    return;
  }
  mqtt.subscribe(STATE, 1);
  mqtt.subscribe(DECISION, 1);
}

// In pieces: PubSubClient's buffer need not hold a picture, and publish() would drop what it does not hold.
void send_frame() {
  camera_fb_t *picture = esp_camera_fb_get();
  if (!picture) return;
  if (mqtt.beginPublish(FRAME, picture->len, false)) {
    size_t sent = 0;
    while (sent < picture->len) {
      size_t piece = picture->len - sent < PIECE ? picture->len - sent : PIECE;
      size_t written = mqtt.write(picture->buf + sent, piece);
      if (written == 0) break;
      sent += written;
    }
    mqtt.endPublish();
    if (sent < picture->len) mqtt.disconnect();  // half a message cannot be taken back
  }
  esp_camera_fb_return(picture);
}

void setup() {
  Serial.begin(115200);
  pinMode(WHITE, OUTPUT);
  pinMode(RED, OUTPUT);
  digitalWrite(RED, HIGH);
  start_camera();
  WiFi.begin(WIFI_SSID, WIFI_PASSWORD);
  secure.setCACert(CA);
  mqtt.setServer(BROKER, 8883);
  mqtt.setCallback(heard);
  mqtt.setBufferSize(1024);  // for what is read: a decision; 256 bytes, the default, would lose it
}

void loop() {
  if (WiFi.status() != WL_CONNECTED) return;
  if (!mqtt.connected()) connect();
  mqtt.loop();
  if (mqtt.connected() && millis() - sent_at >= INTERVAL_MS) {
    sent_at = millis();
    send_frame();
  }
  if (millis() - shown_at >= BLINK_MS) digitalWrite(RED, HIGH);
}
