import Hummingbird
import LabCore
import LabMQTT
import LabPostgres
import LabState

/// `/healthz`: the process answers. `/readyz`: it can do its work. `/metrics`: how it does it.
struct HealthRoutes: Sendable {
    static let paths = ["/healthz", "/readyz", "/metrics"]

    let hosted: [HostedService]

    func add(to router: Router<LabRequestContext>) {
        router.get("/healthz") { _, _ in Response.text("ok\n", contentType: "text/plain") }
        router.get("/readyz") { _, _ in await ready() }
        router.get("/metrics") { _, _ in
            recordPools()
            return Response.text(PrometheusMetrics.shared.text, contentType: "text/plain; version=0.0.4")
        }
    }

    /// 200 when every service reaches the database and the broker, else 503; either way a line for each.
    private func ready() async -> Response {
        var lines: [String] = []
        var isReady = true
        for service in hosted {
            let database = await service.postgres.isHealthy()
            let broker = service.mqtt.isConnected
            isReady = isReady && database && broker
            lines.append(
                "\(service.name): database \(database ? "ok" : "away"), broker \(broker ? "ok" : "away")")
        }
        return Response.text(
            lines.joined(separator: "\n") + "\n", contentType: "text/plain", status: isReady ? 200 : 503)
    }

    private func recordPools() {
        for service in hosted {
            let pool = service.postgres.statistics
            let labels = [("service", service.name)]
            PrometheusMetrics.shared.gauge("lab_postgres_connections_open", labels, Double(pool.open))
            PrometheusMetrics.shared.gauge("lab_postgres_connections_idle", labels, Double(pool.idle))
            PrometheusMetrics.shared.gauge("lab_postgres_waiting", labels, Double(pool.waiting))
        }
    }
}
