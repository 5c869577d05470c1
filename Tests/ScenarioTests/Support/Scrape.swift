import EventSourcing
import Foundation
import HTTP

/// What `/metrics` said, sample by sample.
struct Scrape {
    let text: String
    private var samples: [String: Double] = [:]

    init(_ shop: RunningShop) throws {
        let answer = try shop.get("/metrics")
        guard answer.status == 200 else { throw Failure("\(answer)") }
        text = answer.text
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            guard let space = line.lastIndex(of: " "),
                let value = Double(line[line.index(after: space)...])
            else { throw Failure("no sample: \(line)") }
            samples[String(line[..<space])] = value
        }
    }

    /// `scrape["kassa_log_head_position", "log=\"orders\""]`; nil where there is no such sample.
    subscript(name: String, labels: String...) -> Double? {
        samples[labels.isEmpty ? name : "\(name){\(labels.joined(separator: ","))}"]
    }

    /// How many requests were answered so; 0 where none was.
    func requests(_ method: String, _ route: String, _ code: Int) -> Double {
        self[
            "kassa_http_requests_total", "method=\"\(method)\"", "route=\"\(route)\"",
            "code=\"\(code)\""] ?? 0
    }
}

/// A Prometheus of the test's own, which scrapes one shop.
final class Prometheus {
    let child: Child
    let client: HTTPClient
    private let folder: Folder
    private let port: HeldPort

    /// Starts it, and waits until it is ready.
    init(scraping shop: RunningShop) throws {
        let folder = try Folder()
        let target = shop.url.split(separator: "/").last ?? ""
        let configuration = """
            global: {scrape_interval: 1s, scrape_timeout: 1s}
            scrape_configs:
              - job_name: kassa
                static_configs: [{targets: ["\(target)"]}]

            """
        try configuration.write(
            toFile: "\(folder.path)/prometheus.yml", atomically: true, encoding: .utf8)
        self.folder = folder
        port = try HeldPort()
        let started = try? Child(
            [
                "prometheus", "--config.file=\(folder.path)/prometheus.yml",
                "--storage.tsdb.path=\(folder.path)/data",
                "--web.listen-address=127.0.0.1:\(port)",
            ], output: "\(folder.path)/prometheus")
        guard let child = started else {
            throw Failure("Prometheus cannot be run; scripts/setup --tests installs it")
        }
        let client = HTTPClient(port: port.number)
        (self.child, self.client) = (child, client)
        try eventually("Prometheus is ready") {
            guard child.exitCode == nil else { throw Failure(child.standardError) }
            return (try? client.get("/-/ready"))?.status.code == 200
        }
    }

    /// The newest values of a series, by the value of a label.
    func query(_ series: String, by label: String) throws -> [String: String] {
        let answer = Answer(try client.get("/api/v1/query?query=\(series)"))
        guard answer["status"] == "success" else { throw Failure("\(answer)") }
        var values: [String: String] = [:]
        for sample in answer.json["data"]?["result"]?.array ?? [] {
            values[sample["metric"]?[label]?.string ?? ""] = sample["value"]?.array?.last?.string
        }
        return values
    }
}
