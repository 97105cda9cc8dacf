import ArgumentParser
import FoundationEssentials
import Glibc
import LabKit

/// `lab info`
struct Info: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Print how to reach the running lab.")

    @OptionGroup var options: LabOptions

    func run() throws {
        guard let info = try options.directory.info() else {
            throw CommandFault(
                "no lab runs in \(options.directory.path)", remedy: "Start it with “lab up”", status: 2)
        }
        try InfoText.write(info, isJSON: options.json)
    }
}

/// How to reach a lab, for a person or a program.
enum InfoText {
    static func write(_ info: LabInfo, isJSON: Bool) throws {
        let terminal = Terminal.standardOutput
        guard !isJSON else { return terminal.line(try JSONText(encoding: info).text) }
        var table = Table(["WHAT", "WHERE"])
        for (what, location) in [
            ("domain", info.domain), ("API", info.api), ("API description", info.api + "/openapi.json"),
            ("HTTPS", info.https), ("DNS", info.dns), ("MQTT", "\(info.mqtt), user \(info.mqttUser)"),
            ("authority", info.ca), ("admin token", info.tokenFile), ("docs", info.docs), ("state", info.stateDir),
        ] {
            table.add([Table.Cell(what, .bold), Table.Cell(location)])
        }
        table.write(to: terminal)
    }
}
