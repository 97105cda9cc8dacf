import LabKit
import Logging
import Metrics

/// What the process says of itself, on standard error: one line for each entry.
enum LabLogging {
    /// Installs the log and the metrics of a process that serves; once.
    static func start(level: String?) -> Logger {
        let level = level.flatMap(Logger.Level.init(rawValue:)) ?? .notice
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = level
            return handler
        }
        MetricsSystem.bootstrap(PrometheusMetrics.shared)
        return Logger(label: "lab")
    }
}

extension Logger {
    /// For commands: what matters to their user, they say themselves.
    static var quiet: Logger {
        Logger(label: "lab") { _ in SwiftLogNoOpLogHandler() }
    }
}
