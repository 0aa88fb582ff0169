package main

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"imaginebot/core"
	"imaginebot/core/ai302"
)

// metrics are what /metrics tells, filled by the hooks of the other packages. Labels
// come from fixed sets and from the catalogue, never from people.
type metrics struct {
	registry  *prometheus.Registry
	steps     *prometheus.HistogramVec
	refused   *prometheus.CounterVec
	calls     *prometheus.HistogramVec
	repeated  *prometheus.CounterVec
	connected *prometheus.GaugeVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		steps: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "imaginebot_step_seconds", Help: "Time to render a take or to deliver a generation, by how it ended.",
			Buckets: []float64{.1, .3, 1, 3, 10, 30, 100, 300},
		}, []string{"step", "model", "result"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "imaginebot_refused_total", Help: "Requests refused before anything was spent, by kind.",
		}, []string{"kind"}),
		calls: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "imaginebot_upstream_seconds", Help: "HTTP requests to 302.AI, by endpoint, status (0: no answer) and situation.",
			Buckets: []float64{.1, .3, 1, 3, 10, 30, 100, 300},
		}, []string{"endpoint", "status", "situation"}),
		repeated: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "imaginebot_repeated_total", Help: "Deliveries made again of which a second copy may be seen.",
		}, []string{"platform"}),
		connected: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "imaginebot_connected", Help: "1 while an adapter is connected to its platform.",
		}, []string{"platform"}),
	}
	m.registry.MustRegister(m.steps, m.refused, m.calls, m.repeated, m.connected,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) onStep(step core.StepKind, model string, err error, took time.Duration) {
	result := "ok"
	if err != nil {
		result = core.KindOf(err).String()
	}
	m.steps.WithLabelValues(string(step), model, result).Observe(took.Seconds())
}

func (m *metrics) onRefuse(kind core.Kind) { m.refused.WithLabelValues(kind.String()).Inc() }

func (m *metrics) onCall(call ai302.CallRecord) {
	m.calls.WithLabelValues(call.Endpoint, strconv.Itoa(call.Status), string(call.Situation)).Observe(call.Duration.Seconds())
}

// onRepeat is the hook of one platform.
func (m *metrics) onRepeat(platform core.Platform) func() {
	return m.repeated.WithLabelValues(string(platform)).Inc
}

// handler serves what is registered; connected is asked each time.
func (m *metrics) handler(adapters []adapter) http.Handler {
	served := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, adapter := range adapters {
			up := 0.0
			if adapter.Connected() {
				up = 1
			}
			m.connected.WithLabelValues(string(adapter.Platform())).Set(up)
		}
		served.ServeHTTP(w, r)
	})
}
